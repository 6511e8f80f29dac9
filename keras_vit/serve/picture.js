// A picture to the pixels that a model takes, as evaluation makes them: upright, resized (bicubic or
// bilinear, antialiased, rows before columns, as Pillow does it), and cropped in the middle.

const KERNELS = {
  bicubic: {
    reach: 2,
    at: x => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2),
  },
  bilinear: {reach: 1, at: x => 1 - x},
};

/** Decodes a Blob to {pixels, height, width}: RGB, 0 to 255, row by row, upright. */
export async function decode(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  // As it is stored: browsers read less of EXIF than `orientationOf` does.
  const options = {colorSpaceConversion: "none", imageOrientation: "none"};
  const bitmap = await createImageBitmap(withoutExif(bytes), options).catch(() => {
    throw new Error("This is no picture that the browser can read.");
  });
  const {height, width} = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const data = context.getImageData(0, 0, width, height).data;
  const pixels = data.filter((_, index) => index % 4 < 3);
  return turn({pixels, height, width}, orientationOf(bytes));
}

/** Resizes and crops an image to {pixels, height, width}. `size` is [height, width]. */
export function cropMiddle(image, size, preprocessing = {}) {
  const {crop_ratio = 1, interpolation = "bicubic", fit = "crop", crop_offset = "round"} = preprocessing;
  const old = [image.height, image.width];
  const covered = size.map(side => Math.floor(side / crop_ratio));
  const binding = covered[1] / old[1] > covered[0] / old[0] ? 1 : 0;
  const kept = fit === "keep" && old.every((side, axis) => side >= covered[axis]);
  const sides = kept ? old : fit === "squash" ? covered : old.map((side, axis) =>
    Math.max(covered[axis], Math.floor((covered[binding] * side) / old[binding])));
  const truncate = crop_offset === "floor" ? Math.floor : roundToEven;
  const offsets = sides.map((side, axis) => truncate((side - size[axis]) / 2));
  const kernel = KERNELS[interpolation];
  const columns = taps(old[1], sides[1], offsets[1], size[1], kernel);
  const rows = taps(old[0], sides[0], offsets[0], size[0], kernel);
  const narrow = {pixels: new Uint8ClampedArray(old[0] * size[1] * 3), height: old[0], width: size[1]};
  weigh(columns, narrow, (y, _, from) => (y * old[1] + from) * 3, image.pixels, true);
  const cropped = {pixels: new Uint8ClampedArray(size[0] * size[1] * 3), height: size[0], width: size[1]};
  weigh(rows, cropped, (_, x, from) => (from * size[1] + x) * 3, narrow.pixels, false);
  return cropped;
}

function roundToEven(x) {
  const near = Math.round(x);
  return Math.abs(x % 1) === 0.5 && near % 2 ? near - 1 : near;
}

/** Returns, per new pixel that is kept, the first old one it takes and the weights from there on. */
function taps(old, side, offset, count, {reach, at}) {
  const step = old / side, spread = Math.max(step, 1);
  return Array.from({length: count}, (_, index) => {
    const centre = (index + offset + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - reach * spread + 0.5));
    const last = Math.min(old, Math.trunc(centre + reach * spread + 0.5));
    const weights = Array.from({length: last - first}, (_, tap) => {
      const x = Math.abs((first + tap - centre + 0.5) / spread);
      return x < reach ? at(x) : 0;
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return {first, weights: weights.map(weight => weight / sum)};
  });
}

/** Fills an image with weighted sums of old pixels, along its columns or along its rows. */
function weigh(all, image, placeOf, old, alongColumns) {
  for (let y = 0, out = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      const {first, weights} = all[alongColumns ? x : y];
      for (let channel = 0; channel < 3; channel++, out++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++) {
          sum += weights[tap] * old[placeOf(y, x, first + tap) + channel];
        }
        image.pixels[out] = Math.floor(sum + 0.5); // clamped to 0 and 255
      }
    }
  }
}

/** Turns an image as EXIF's orientation, 1 to 8, says. */
function turn(image, orientation) {
  if (orientation === 1) return image;
  const {pixels, height, width} = image;
  const swaps = orientation >= 5;
  const mirrored = [2, 3, 6, 7].includes(orientation), upsideDown = [3, 4, 7, 8].includes(orientation);
  const [rows, columns] = swaps ? [width, height] : [height, width];
  const turned = new Uint8ClampedArray(pixels.length);
  for (let y = 0, out = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, out += 3) {
      const [down, right] = [upsideDown ? rows - 1 - y : y, mirrored ? columns - 1 - x : x];
      const from = 3 * (swaps ? right * width + down : down * width + right);
      turned.set(pixels.subarray(from, from + 3), out);
    }
  }
  return {pixels: turned, height: rows, width: columns};
}

/**
 * Returns the orientation, 1 to 8, that the bytes of a JPEG, PNG or WebP say; 1 where they say none.
 * The rule is that of keras_vit/images/exif.py: the tag of the first directory, nothing else.
 */
export function orientationOf(bytes) {
  const part = exifOf(bytes);
  return part ? orientationIn(bytes.subarray(part.start, part.end)) : 1;
}

function orientationIn(exif) {
  const isLittle = textAt(exif, 0, 4) === "II*\0";
  if (exif.length < 8 || (!isLittle && textAt(exif, 0, 4) !== "MM\0*")) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
  const start = view.getUint32(4, isLittle);
  const count = start + 2 <= exif.length ? view.getUint16(start, isLittle) : 0;
  for (let index = 0; index < count; index++) {
    const place = start + 2 + 12 * index;
    if (place + 12 > exif.length) break;
    if (view.getUint16(place, isLittle) !== 0x0112) continue;
    const sizes = {1: 1, 6: 1, 3: 2, 8: 2, 4: 4, 9: 4}; // bytes of TIFF's integers
    const size = sizes[view.getUint16(place + 2, isLittle)];
    if (!size || view.getUint32(place + 4, isLittle) !== 1) return 1;
    const value = view[`getUint${8 * size}`](place + 8, isLittle);
    return value >= 1 && value <= 8 ? value : 1; // the first one decides
  }
  return 1;
}

/** Finds EXIF: `start` and `end` of its data, and of the whole part that holds it `whole`, `after`. */
function exifOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (textAt(bytes, 0, 2) === "\xff\xd8") return exifOfJpeg(bytes, view);
  if (textAt(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") {
    for (let place = 8; place + 8 <= bytes.length;) {
      const name = textAt(bytes, place + 4, 4), end = place + 8 + view.getUint32(place);
      if (name === "eXIf") return {whole: place, start: place + 8, end, after: end + 4};
      if (name === "IEND") break;
      place = end + 4;
    }
  }
  if (textAt(bytes, 0, 4) === "RIFF" && textAt(bytes, 8, 4) === "WEBP") {
    for (let place = 12; place + 8 <= bytes.length;) {
      const length = view.getUint32(place + 4, true), start = place + 8;
      if (textAt(bytes, place, 4) === "EXIF") {
        return {start: start + 6 * (textAt(bytes, start, 6) === "Exif\0\0"), end: start + length};
      }
      place = start + length + (length % 2);
    }
  }
  return null;
}

function exifOfJpeg(bytes, view) {
  for (let place = 2; place + 4 <= bytes.length && bytes[place] === 0xff;) {
    const marker = bytes[place + 1], length = Math.max(2, view.getUint16(place + 2));
    if (marker === 0xda || marker === 0xd9) break; // the scan, the end
    if (marker === 0xe1 && length >= 8 && textAt(bytes, place + 4, 6) === "Exif\0\0") {
      return {whole: place, start: place + 10, end: place + 2 + length, after: place + 2 + length};
    }
    const isBare = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    place += marker === 0xff ? 1 : isBare ? 2 : 2 + length; // 0xff fills
  }
  return null;
}

function textAt(bytes, start, length) {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

/** Returns a JPEG or PNG without EXIF, so that no browser turns it, whatever it takes "none" for. */
function withoutExif(bytes) {
  for (let part; (part = exifOf(bytes))?.after;) {
    const rest = bytes.subarray(part.after);
    const kept = new Uint8Array(part.whole + rest.length);
    kept.set(bytes.subarray(0, part.whole));
    kept.set(rest, part.whole);
    bytes = kept;
  }
  return new Blob([bytes]);
}
