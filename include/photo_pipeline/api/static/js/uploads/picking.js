// Where photos come from: dropped files and folders, the pickers, the camera, the clipboard.

import { find } from "../dom.js";

const PHOTOS = /\.(jpe?g|png|webp|gif|tiff?|bmp|avif|hei[cf])$/i;

/**
 * @param {(files: File[]) => void} onFiles called with every batch, as folders are read piece by piece
 * @param {(count: number) => void} onSkipped called with how many files of a folder are no photos
 */
export function setUpPicking(onFiles, onSkipped) {
  // A folder holds all sorts of files; somebody who picks one file means it, and is told why it is not taken.
  const fromFolder = (files) => {
    const photos = files.filter((file) => PHOTOS.test(file.name));
    if (photos.length > 0) onFiles(photos);
    if (photos.length < files.length) onSkipped(files.length - photos.length);
  };
  listen(find("#file-input"), onFiles);
  listen(find("#camera-input"), onFiles);
  listen(find("#folder-input"), fromFolder);
  listenToDrops(find("#drop-zone"), onFiles, fromFolder);
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length > 0 && !find("#application").hidden) onFiles(files);
  });
}

function listen(input, onFiles) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length > 0) onFiles(files);
  });
}

function listenToDrops(zone, onFiles, fromFolder) {
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    const folders = [];
    const files = [];
    // Both must be asked for before this handler returns.
    for (const item of event.dataTransfer.items) {
      const entry = item.webkitGetAsEntry?.();
      const file = entry?.isDirectory ? null : item.getAsFile?.();
      if (entry?.isDirectory) folders.push(entry);
      else if (file) files.push(file);
    }
    if (files.length > 0) onFiles(files);
    for (const folder of folders) read(folder, fromFolder);
  });
}

async function read(folder, onFiles) {
  const reader = folder.createReader();
  for (;;) {
    // The browser gives a hundred or so at a time, and an empty list at the end.
    const entries = await new Promise((resolve) => { reader.readEntries(resolve, () => resolve([])); });
    if (entries.length === 0) return;
    const files = await Promise.all(entries.filter((entry) => entry.isFile).map(fileOf));
    onFiles(files.filter((file) => file !== null));
    for (const entry of entries.filter((found) => found.isDirectory)) await read(entry, onFiles);
  }
}

function fileOf(entry) {
  return new Promise((resolve) => { entry.file(resolve, () => resolve(null)); });
}
