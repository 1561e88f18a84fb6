// Where photos come from: files and folders that are dropped anywhere, the pickers, the camera, the clipboard.

import { find } from "../dom.js";
import { areThere, chosenFiles, chosenFolder, walk, withFile } from "./handles.js";

const PHOTOS = /\.(jpe?g|png|webp|gif|tiff?|bmp|avif|hei[cf])$/i;

/**
 * @param {(origins: {file: File, handle?: FileSystemFileHandle, root?: FileSystemDirectoryHandle}[]) => void} onFiles called
 *   with every batch, as folders are read piece by piece
 * @param {(count: number) => void} onSkipped called with how many files of a folder are no photos
 */
export function setUpPicking(onFiles, onSkipped) {
  // A folder holds all sorts of files; somebody who picks one file means it, and is told why it is not taken.
  const fromFolder = (origins) => {
    const photos = origins.filter(({ file }) => PHOTOS.test(file.name));
    if (photos.length > 0) onFiles(photos);
    if (photos.length < origins.length) onSkipped(origins.length - photos.length);
  };
  listen(find("#file-input"), onFiles);
  listen(find("#camera-input"), onFiles);
  listen(find("#folder-input"), fromFolder);
  prefer(find("#file-input"), async () => onFiles(await chosenFiles()));
  prefer(find("#folder-input"), () => chosenFolder(fromFolder));
  listenToDrops(onFiles, fromFolder);
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length > 0 && isOpen()) onFiles(plain(files));
  });
}

const isOpen = () => !find("#application").hidden;
const plain = (files) => files.map((file) => ({ file }));

function listen(input, onFiles) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length > 0) onFiles(plain(files));
  });
}

/** Has a picker of the browser's that gives handles in place of an input's own, unless that is not allowed here. */
function prefer(input, choose) {
  let isAllowed = areThere();
  input.addEventListener("click", (event) => {
    if (!isAllowed) return;
    event.preventDefault();
    choose().catch(() => {
      isAllowed = false;
      input.showPicker?.();
    });
  });
}

function listenToDrops(onFiles, fromFolder) {
  const over = find("#drop-anywhere");
  let isOwn = false; // a picture of the page that is dragged is a file, too
  document.addEventListener("dragstart", () => { isOwn = true; });
  document.addEventListener("dragend", () => { isOwn = false; });
  const concerns = (event) => isOpen() && !isOwn && (event.dataTransfer?.types.includes("Files") ?? false);
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (!concerns(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      over.hidden = false;
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) over.hidden = true; // it has left the window
  });
  document.addEventListener("drop", (event) => {
    over.hidden = true;
    if (!concerns(event)) return;
    event.preventDefault();
    for (const dropped of [...event.dataTransfer.items].map(inHand)) take(dropped, onFiles, fromFolder);
  });
}

/** Everything must be asked for before the handler returns. */
function inHand(item) {
  return { entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile?.() ?? null, handle: item.getAsFileSystemHandle?.() ?? null };
}

async function take({ entry, file, handle: promised }, onFiles, fromFolder) {
  const handle = await Promise.resolve(promised).catch(() => null);
  if (handle?.kind === "directory") await walk(handle, fromFolder);
  else if (entry?.isDirectory) await read(entry, fromFolder);
  else {
    const found = handle ? await withFile(handle) : null;
    if (found ?? file) onFiles([found ?? { file }]);
  }
}

async function read(folder, onFiles) {
  const reader = folder.createReader();
  for (;;) {
    // The browser gives a hundred or so at a time, and an empty list at the end.
    const entries = await new Promise((resolve) => { reader.readEntries(resolve, () => resolve([])); });
    if (entries.length === 0) return;
    const files = await Promise.all(entries.filter((entry) => entry.isFile).map(fileOf));
    onFiles(plain(files.filter((file) => file !== null)));
    for (const entry of entries.filter((found) => found.isDirectory)) await read(entry, onFiles);
  }
}

function fileOf(entry) {
  return new Promise((resolve) => { entry.file(resolve, () => resolve(null)); });
}
