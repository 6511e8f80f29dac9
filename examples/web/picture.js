// A picture to the pixels that a model takes, as evaluation makes them: upright, resized to cover
// the image (bicubic or bilinear, antialiased, rows before columns, as Pillow does it), the middle
// cut out.

const KERNELS = {
  bicubic: {
    reach: 2,
    at: x => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2),
  },
  bilinear: {reach: 1, at: x => 1 - x},
};

/** Decodes a Blob to {pixels, height, width}: RGB, 0 to 255, row by row. */
export async function decode(file) {
  const bitmap = await createImageBitmap(file, {colorSpaceConversion: "none"}).catch(() => {
    throw new Error("This is no picture that the browser can read.");
  });
  const {height, width} = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const data = context.getImageData(0, 0, width, height).data;
  return {pixels: data.filter((_, index) => index % 4 < 3), height, width};
}

/** Resizes and cuts an image to {pixels, height, width}. `size` is [height, width]. */
export function cutMiddle(image, size, {crop_ratio = 1, interpolation = "bicubic"} = {}) {
  const old = [image.height, image.width];
  const covered = size.map(side => Math.floor(side / crop_ratio));
  const binding = covered[1] / old[1] > covered[0] / old[0] ? 1 : 0;
  const sides = old.map((side, axis) =>
    Math.max(covered[axis], Math.floor((covered[binding] * side) / old[binding])));
  const offsets = sides.map((side, axis) => roundToEven((side - size[axis]) / 2));
  const kernel = KERNELS[interpolation];
  const columns = taps(old[1], sides[1], offsets[1], size[1], kernel);
  const rows = taps(old[0], sides[0], offsets[0], size[0], kernel);
  const narrow = {pixels: new Uint8ClampedArray(old[0] * size[1] * 3), height: old[0], width: size[1]};
  weigh(columns, narrow, (y, _, from) => (y * old[1] + from) * 3, image.pixels, true);
  const cut = {pixels: new Uint8ClampedArray(size[0] * size[1] * 3), height: size[0], width: size[1]};
  weigh(rows, cut, (_, x, from) => (from * size[1] + x) * 3, narrow.pixels, false);
  return cut;
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
