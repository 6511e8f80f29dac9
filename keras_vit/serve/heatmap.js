// A map of numbers, smooth and in colours, to lay over the picture that it belongs to; what it means.

// Inferno, of Matplotlib: from black to light yellow, ever brighter, in equal steps to the eye.
const INFERNO = [
  [0, 0, 4], [33, 12, 74], [87, 16, 110], [138, 34, 106], [188, 55, 84], [228, 90, 49],
  [249, 142, 9], [249, 203, 53], [252, 255, 164],
];
// Coolwarm, of Matplotlib: blue below zero, grey at zero, red above it.
const COOLWARM = [
  [59, 76, 192], [98, 130, 234], [141, 176, 254], [185, 208, 249], [221, 220, 220],
  [245, 196, 172], [244, 152, 122], [221, 95, 75], [180, 4, 38],
];
const BRIGHTEST = 0.98; // share of the numbers that are not cut off at the top

const SIGNED = ["integrated-gradients", "relevance"]; // methods whose maps have negative numbers
// What a map of a method shows; ANSWER stands for the class that is answered.
const MEANINGS = {
  "attention": "where it looks (attention of the last block)",
  "rollout": "where it looks (attention rollout)",
  "gradient-rollout": "what speaks for ANSWER (gradient rollout)",
  "attribution": "what speaks for ANSWER (transformer attribution)",
  "gradcam": "what speaks for ANSWER (Grad-CAM)",
  "smoothgrad": "what ANSWER depends on (SmoothGrad)",
  "relevance": "red speaks for ANSWER, blue against it (relevance)",
  "integrated-gradients": "red speaks for ANSWER, blue against it (integrated gradients)",
};

/** Says what a map of a method shows, of a picture that is answered with the name of a class. */
export const meaningOf = (method, answer) =>
  (MEANINGS[method] ?? method).replace("ANSWER", () => answer);

/** Returns whether the maps of a method have negative numbers. */
export const isSigned = method => SIGNED.includes(method);

/** Returns the colour, [red, green, blue], of a number from 0 to 1. */
export function colourOf(value, signed = false) {
  const colours = signed ? COOLWARM : INFERNO;
  const place = value * (colours.length - 1);
  const below = Math.min(Math.floor(place), colours.length - 2);
  return colours[below].map((one, i) => one + (place - below) * (colours[below + 1][i] - one));
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

/**
 * Scales numbers to lie between 0 and 1; a few very large ones do not darken all others. In a signed
 * map zero becomes one half.
 */
export function scaled(rows, signed = false) {
  const sorted = rows.flat().map(signed ? Math.abs : Number).sort((a, b) => a - b);
  const most = sorted[Math.ceil(BRIGHTEST * sorted.length) - 1], least = signed ? -most : sorted[0];
  return rows.map(row => row.map(value =>
    most > least ? Math.min(Math.max((value - least) / (most - least), 0), 1) : signed / 2));
}

/** Draws rows of numbers on a canvas, which fills it. */
export function drawHeatMap(canvas, rows, height, width, signed = false) {
  Object.assign(canvas, {height, width});
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  enlarged(scaled(rows, signed), height, width).forEach((value, index) => {
    image.data.set([...colourOf(value, signed).map(Math.round), 255], 4 * index);
  });
  context.putImageData(image, 0, 0);
}
