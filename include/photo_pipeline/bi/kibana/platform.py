"""Puts an installation's own addresses into the saved objects, which the committed file cannot know."""

import json
from typing import Any

from photo_pipeline.bi.kibana.saved_objects import packed
from photo_pipeline.domain.dashboards import PlatformLinks

Json = dict[str, Any]


def linked(objects: bytes, links: PlatformLinks) -> bytes:
    """The objects, with the known links in each dashboard's row of links, and a link under each photo's id."""
    lines = [_linked(json.loads(line), links) for line in objects.splitlines()]
    return "".join(f"{packed(line)}\n" for line in lines).encode()


def _linked(each: Json, links: PlatformLinks) -> Json:
    attributes = each["attributes"]
    if each["type"] == "dashboard":
        panels = [_panel(panel, links) for panel in json.loads(attributes["panelsJSON"])]
        return {**each, "attributes": {**attributes, "panelsJSON": packed(panels)}}
    if each["type"] == "index-pattern" and links.photo:
        address = {
            "type": "a",
            "urlTemplate": links.photo.replace("{photo_id}", "{{value}}"),
            "openLinkInCurrentTab": False,
        }
        formats = {**json.loads(attributes["fieldFormatMap"]), "photo_id": {"id": "url", "params": address}}
        return {**each, "attributes": {**attributes, "fieldFormatMap": packed(formats)}}
    return each


def _panel(panel: Json, links: PlatformLinks) -> Json:
    if panel["type"] != "links":
        return panel
    config = panel["embeddableConfig"]
    present = config["attributes"]["links"]
    known = [(name, to) for name, to in (("Photos page", links.photos_page), ("Gallery", links.gallery)) if to]
    more = [_external(len(present) + place, *each) for place, each in enumerate(known)]
    return {**panel, "embeddableConfig": {**config, "attributes": {**config["attributes"], "links": present + more}}}


def _external(order: int, label: str, destination: str) -> Json:
    return {
        "id": f"to-{label.lower().replace(' ', '-')}",
        "order": order,
        "type": "externalLink",
        "label": label,
        "destination": destination,
        "options": {"openInNewTab": True, "encodeUrl": True},
    }
