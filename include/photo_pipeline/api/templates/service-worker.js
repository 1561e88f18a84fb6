// Takes photos that a phone shares, and has the page ready for want of a network. Everything else goes to the server as if
// there were no worker: answers of the API and photos are never kept, and with a network no file comes from here.

import { keepShared } from "/static/js/uploads/remembered.js";

const HASHES = {/* hashes */};
const PREFIX = "shell-";
const begunOffline = new Set(); // pages that came from here; theirs must be of the same version

self.addEventListener("install", (event) => {
  event.waitUntil(install());
  // Browsers that can pass requests by a worker do not even ask this one.
  if (event.addRoutes) event.waitUntil(event.addRoutes({ condition: { urlPattern: "/api/*" }, source: "network" }));
});
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.method === "POST") {
    if (pathname === "/share" && request.destination === "document") event.respondWith(take(request));
  } else if (request.mode === "navigate") {
    if (pathname === "/") event.respondWith(page(event));
  } else if (begunOffline.has(event.clientId) && Object.hasOwn(HASHES, pathname)) {
    event.respondWith(kept(pathname));
  }
});

async function install() {
  const cache = await caches.open(await name());
  // All or nothing: while a deployment is under way a server may still have the files of before.
  await Promise.all(Object.entries(HASHES).map(async ([address, hash]) => {
    const response = await fetch(address, { cache: "no-cache", credentials: "omit" });
    if (!response.ok || await hashOf(await response.clone().arrayBuffer()) !== hash) throw new Error(`${address} is not of this version`);
    await cache.put(address, response);
  }));
  await self.skipWaiting();
}

async function activate() {
  const own = await name();
  for (const key of await caches.keys()) if (key.startsWith(PREFIX) && key !== own) await caches.delete(key);
}

async function page(event) {
  try {
    return await fetch(event.request);
  } catch (error) {
    const response = await kept("/");
    if (response.type === "error") throw error;
    begunOffline.add(event.resultingClientId);
    return response;
  }
}

async function kept(address) {
  const cache = await caches.open(await name());
  return await cache.match(address) ?? Response.error();
}

async function take(request) {
  const told = await keep(request).catch(() => "none");
  return Response.redirect(`/?shared=${told}`, 303);
}

async function keep(request) {
  const form = await request.formData();
  const files = form.getAll("files").filter((file) => file instanceof File && (file.size > 0 || file.name !== ""));
  if (files.length === 0) return "empty";
  const key = crypto.randomUUID();
  return await keepShared(files, key) ? key : `${key}&left=full`;
}

const name = async () => PREFIX + (await hashOf(new TextEncoder().encode(JSON.stringify(HASHES)))).slice(0, 16);

async function hashOf(bytes) {
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
