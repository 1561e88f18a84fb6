// Files with their handles, where the browser has them: a page can have those files again after it was loaded anew.

const IMAGES = { "image/*": [".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"] };

/** Whether files can be asked for with their handles. */
export const areThere = () => typeof window.showOpenFilePicker === "function";

/** @returns {Promise<object[]>} each file with its handle; none where nothing was chosen */
export async function chosenFiles() {
  const handles = await orNothing(window.showOpenFilePicker({ multiple: true, id: "photos", types: [{ description: "Photos", accept: IMAGES }] }));
  return filesOf(handles ?? []);
}

/** The same of a folder that is chosen, piece by piece. */
export async function chosenFolder(onFiles) {
  const folder = await orNothing(window.showDirectoryPicker({ id: "photos" }));
  if (folder !== null) await walk(folder, onFiles);
}

/** Nobody has to choose. */
async function orNothing(choice) {
  try {
    return await choice;
  } catch (error) {
    if (error.name === "AbortError") return null;
    throw error;
  }
}

export async function walk(folder, onFiles, root = folder) {
  const [handles, folders] = [[], []];
  for await (const handle of folder.values()) (handle.kind === "directory" ? folders : handles).push(handle);
  onFiles(await filesOf(handles, root));
  for (const each of folders) await walk(each, onFiles, root);
}

async function filesOf(handles, root) {
  const files = await Promise.all(handles.map((handle) => withFile(handle, root)));
  return files.filter((found) => found !== null);
}

/** @returns {Promise<{file: File, handle: FileSystemFileHandle}|null>} */
export async function withFile(handle, root) {
  const file = await handle.getFile().catch(() => null);
  return file && { file, handle, ...(root && { root }) };
}
