// The photos that are chosen. They stay so while the list around them changes, and while the page is left and come back to.

const STORED = "chosen-photos";
/** As many as one ZIP holds. */
export const MOST = 5000;

const essence = ({ photo_id, filename, bytes, held, held_by_customer }) => ({ photo_id, filename, bytes, held, held_by_customer });

export class Chosen {
  /** @param {(photos: object[]) => void} onChange told which photos are chosen now and were not, or the other way round */
  constructor(onChange) {
    this.onChange = onChange;
    this.photos = new Map(); // by their ids
    this.customerId = null;
    window.addEventListener("pagehide", () => this.store());
  }

  get count() {
    return this.photos.size;
  }

  get all() {
    return [...this.photos.values()];
  }

  get bytes() {
    return this.all.reduce((sum, photo) => sum + photo.bytes, 0);
  }

  has = (photo) => this.photos.has(photo.photo_id);

  /** As many as there is room for. */
  add(photos) {
    const fresh = photos.filter((photo) => !this.has(photo));
    const taken = fresh.slice(0, MOST - this.count);
    for (const photo of taken) this.photos.set(photo.photo_id, photo);
    if (taken.length > 0) this.onChange(taken);
  }

  remove(photos) {
    const gone = photos.filter((photo) => this.photos.delete(photo.photo_id));
    if (gone.length > 0) this.onChange(gone);
  }

  clear() {
    this.remove(this.all);
  }

  /** The list has come to photos, of which some may be chosen. */
  meet(photos) {
    for (const photo of photos.filter(this.has)) this.photos.set(photo.photo_id, photo);
  }

  /** Has what this customer had chosen in this tab; what another one had is forgotten. */
  belongTo(customerId) {
    if (this.customerId === customerId) return;
    if (this.customerId !== null) this.clear();
    this.customerId = customerId;
    this.add(stored(customerId));
  }

  forget() {
    this.clear();
    this.customerId = null;
    sessionStorage.removeItem(STORED);
  }

  store() {
    if (this.customerId === null) return;
    try {
      sessionStorage.setItem(STORED, JSON.stringify({ customerId: this.customerId, photos: this.all.map(essence) }));
    } catch {
      // no room, or not allowed: a choice is quickly made again
    }
  }
}

function stored(customerId) {
  try {
    const found = JSON.parse(sessionStorage.getItem(STORED));
    return found?.customerId === customerId ? found.photos : [];
  } catch {
    return [];
  }
}
