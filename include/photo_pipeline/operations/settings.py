"""Where the Photos page and the tasks' links lead, read from ``PHOTO_PAGE_*`` when asked."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class PageSettings(BaseSettings):
    """Addresses for a browser; a link without one is left out."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_PAGE_", frozen=True)

    gallery_url: str = ""
    dashboard_url: str = ""
