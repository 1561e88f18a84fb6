// Draws the placeholder that a BlurHash describes: a few cosine terms per colour channel (https://blurha.sh).

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

const number = (text) => [...text].reduce((sum, digit) => sum * 83 + DIGITS.indexOf(digit), 0);

const toLinear = (value) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);

function toSrgb(value) {
  const bounded = Math.min(1, Math.max(0, value));
  return Math.round(255 * (bounded <= 0.0031308 ? bounded * 12.92 : 1.055 * bounded ** (1 / 2.4) - 0.055));
}

function coefficients(hash) {
  const size = number(hash[0]);
  const across = (size % 9) + 1;
  const down = Math.floor(size / 9) + 1;
  if (hash.length !== 4 + 2 * across * down) return null;
  const largest = (number(hash[1]) + 1) / 166;
  const average = number(hash.slice(2, 6));
  const terms = [[average >> 16, (average >> 8) & 255, average & 255].map(toLinear)];
  for (let at = 6; at < hash.length; at += 2) {
    const packed = number(hash.slice(at, at + 2));
    const steps = [Math.floor(packed / 361), Math.floor(packed / 19) % 19, packed % 19];
    terms.push(steps.map((step) => Math.sign(step - 9) * ((step - 9) / 9) ** 2 * largest));
  }
  return { across, down, terms };
}

/** Paints a hash over all of a canvas; an unreadable hash paints nothing. */
export function paint(canvas, hash) {
  const found = coefficients(hash);
  if (found === null) return;
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const colour = colourAt(found, x / width, y / height);
      image.data.set([...colour.map(toSrgb), 255], 4 * (y * width + x));
    }
  }
  context.putImageData(image, 0, 0);
}

function colourAt({ across, down, terms }, x, y) {
  const colour = [0, 0, 0];
  for (let row = 0; row < down; row += 1) {
    for (let column = 0; column < across; column += 1) {
      const weight = Math.cos(Math.PI * x * column) * Math.cos(Math.PI * y * row);
      terms[row * across + column].forEach((value, channel) => { colour[channel] += value * weight; });
    }
  }
  return colour;
}
