// A map of numbers, smooth and in colours, to lay over the picture that it belongs to.

// Inferno, of Matplotlib: from black to light yellow, ever brighter, in equal steps to the eye.
const INFERNO = [
  [0, 0, 4], [33, 12, 74], [87, 16, 110], [138, 34, 106], [188, 55, 84], [228, 90, 49],
  [249, 142, 9], [249, 203, 53], [252, 255, 164],
];
const BRIGHTEST = 0.98; // share of the numbers that are not cut off at the top

/** Returns the colour, [red, green, blue], of a number from 0 to 1. */
export function colourOf(value) {
  const place = value * (INFERNO.length - 1);
  const below = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[below].map((one, i) => one + (place - below) * (INFERNO[below + 1][i] - one));
}

/** Enlarges rows of numbers bilinearly to `height` rows of `width`, one after the other. */
export function enlarged(rows, height, width) {
  const down = neighbours(rows.length, height), across = neighbours(rows[0].length, width);
  const values = new Float32Array(height * width);
  down.forEach(([top, bottom, low], y) => across.forEach(([left, right, far], x) => {
    const upper = rows[top][left] * (1 - far) + rows[top][right] * far;
    const lower = rows[bottom][left] * (1 - far) + rows[bottom][right] * far;
    values[y * width + x] = upper * (1 - low) + lower * low;
  }));
  return values;
}

/** Returns, per new place, the two old ones around its centre and the weight of the second. */
function neighbours(old, count) {
  return Array.from({length: count}, (_, index) => {
    const place = Math.min(Math.max(((index + 0.5) * old) / count - 0.5, 0), old - 1);
    const first = Math.floor(place);
    return [first, Math.min(first + 1, old - 1), place - first];
  });
}

/** Scales numbers to lie between 0 and 1; a few very large ones do not darken all others. */
export function scaled(rows) {
  const sorted = rows.flat().sort((a, b) => a - b);
  const least = sorted[0], most = sorted[Math.ceil(BRIGHTEST * sorted.length) - 1];
  return rows.map(row => row.map(value =>
    most > least ? Math.min((value - least) / (most - least), 1) : 0));
}

/** Draws rows of numbers on a canvas, which fills it. */
export function drawHeatMap(canvas, rows, height, width) {
  Object.assign(canvas, {height, width});
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  enlarged(scaled(rows), height, width).forEach((value, index) => {
    image.data.set([...colourOf(value).map(Math.round), 255], 4 * index);
  });
  context.putImageData(image, 0, 0);
}
