// The buttons that PhotoSwipe does not bring: download, full screen, share, delete, and what is known about the photo.

const ICONS = {
  download: '<path d="M20.5 14.3 17.1 18V10h-2.2v7.9l-3.4-3.6L10 16l6 6.1 6-6.1ZM23 23H9v2h14Z" id="icon-download"/>',
  fullscreen: '<path d="M8 8v6h3v-3h3V8H8zm10 0v3h3v3h3V8h-6zM8 24h6v-3h-3v-3H8v6zm13-3h-3v3h6v-6h-3v3z" id="icon-fullscreen"/>',
  share: '<path d="M21.5 19.6c-.9 0-1.7.3-2.3.9l-6-3.5a3.2 3.2 0 0 0 0-1.6l5.9-3.4a3.4 3.4 0 1 0-1.1-2.5l.1.8-5.9 3.4a3.4 3.4 0 1 0 0 5l6 3.5-.1.7a3.3 3.3 0 1 0 3.4-3.3z" id="icon-share"/>',
  delete: '<path d="M10 24.5c0 .8.7 1.5 1.5 1.5h9c.8 0 1.5-.7 1.5-1.5V12H10v12.5zM23.5 8H20l-1-1.5h-6L12 8H8.5v2.2h15z" id="icon-delete"/>',
  about: '<path d="M16 6a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-1.5 4.5h3v3h-3zm0 4.5h3v7h-3z" id="icon-about"/>',
};

const icon = (name) => ({ isCustomSVG: true, inner: ICONS[name], outlineID: `icon-${name}` });

/**
 * @param {object} viewer PhotoSwipe; it gets the elements `download` and `about`
 * @param {boolean} isAboutOpen whether what is known about the photo is shown
 * @param {object} on what is called: `about` shows that, or hides it again; `share` and `delete`
 */
export function addButtons(viewer, isAboutOpen, on) {
  viewer.ui.registerElement({
    name: "download", order: 8, isButton: true, tagName: "a", title: "Download the original", html: icon("download"),
    onInit: (element) => {
      element.download = "";
      viewer.download = element;
    },
  });
  if (document.fullscreenEnabled) {
    viewer.ui.registerElement({
      name: "fullscreen", order: 9, isButton: true, title: "Full screen", html: icon("fullscreen"),
      onClick: () => {
        if (document.fullscreenElement === null) viewer.element.requestFullscreen().catch(() => {});
        else document.exitFullscreen();
      },
    });
  }
  for (const [order, name, title] of [[10, "share", "Share"], [11, "delete", "Delete"]]) {
    viewer.ui.registerElement({ name, order, isButton: true, title, html: icon(name), onClick: on[name] });
  }
  viewer.ui.registerElement({
    name: "about", order: 15, isButton: true, title: "About this photo", html: icon("about"),
    onInit: (element) => {
      element.setAttribute("aria-expanded", String(isAboutOpen));
      viewer.about = element;
    },
    onClick: on.about,
  });
}
