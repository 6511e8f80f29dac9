// A .tflite file of keras_vit as a function from a picture to its most probable classes.

import {loadAndCompile, loadLiteRt, Tensor} from "@litertjs/core";
import {readTexts} from "./archive.js";
import {cropMiddle, decode} from "./picture.js";

const WASM = new URL("./node_modules/@litertjs/core/wasm/", import.meta.url).href;

/** Opens the file's bytes; returns {metadata, labels, classify}. */
export async function openClassifier(bytes) {
  const {"metadata.json": metadata = "{}", "labels.txt": labels} = readTexts(bytes);
  const known = JSON.parse(metadata);
  if (!known.image_size) throw new Error("This is no .tflite file that keras-vit export wrote.");
  if (known.format === "tflite-int8-full") throw new Error("This page gives floats: take another format.");
  if (known.batch_size === null) throw new Error("This page runs files of batch 1, not --dynamic-batch.");
  await (opened ??= loadLiteRt(WASM).catch(error => { opened = null; throw error; }));
  const model = await loadAndCompile(bytes, {accelerator: "wasm"});
  const names = labels?.split("\n");
  return {metadata: known, labels: names, classify: file => classify(model, known, names, file)};
}

let opened = null;

async function classify(model, known, labels, file) {
  const image = cropMiddle(await decode(file), known.image_size, known);
  const images = new Float32Array(channelsOf(image.pixels, known.channels));
  const tensor = new Tensor(images, [1, ...known.image_size, known.channels]);
  const start = performance.now();
  const {probabilities} = await model.run({images: tensor});
  const scores = Array.from(await probabilities.data());
  const milliseconds = performance.now() - start;
  tensor.delete();
  probabilities.delete();
  const classes = scores.map((score, index) => ({name: labels?.[index] ?? String(index), score}));
  classes.sort((one, other) => other.score - one.score);
  return {image, classes, milliseconds};
}

function channelsOf(pixels, channels) {
  if (channels === 3) return pixels;
  const grey = pixels.filter((_, index) => index % 3 === 0);
  if (pixels.some((value, index) => value !== grey[Math.floor(index / 3)])) {
    throw new Error("The model takes grey pictures: this one has colours.");
  }
  return grey;
}
