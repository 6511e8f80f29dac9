// The page: a model, then pictures.

import {openClassifier} from "./classifier.js";

const SHOWN = 5;
const element = id => document.getElementById(id);
let classifier = null;
let latest = 0;  // which file was given last: what an earlier one gives comes too late

/** Takes off the page what an earlier model or picture gave. */
function clear() {
  element("seen").hidden = true;
  element("classes").replaceChildren();
  element("time").textContent = "";
}

async function openModel(bytes) {
  const mine = latest;
  classifier = null;
  element("about").textContent = "";
  element("for-picture").hidden = true;
  const opened = await openClassifier(bytes);
  if (mine !== latest) return;
  classifier = opened;
  const {image_size, format} = classifier.metadata;
  const count = classifier.labels ? `, ${classifier.labels.length} classes` : "";
  element("about").textContent = `${format}, images of ${image_size.join(" by ")} pixels${count}.`;
  element("for-picture").hidden = false;
}

async function show(file) {
  const mine = latest;
  const {image, classes, milliseconds} = await classifier.classify(file);
  if (mine !== latest) return;
  draw(image);
  element("classes").replaceChildren(...classes.slice(0, SHOWN).map(({name, score}) => {
    const row = document.createElement("tr"), meter = document.createElement("meter");
    meter.value = score;
    for (const cell of [name, meter, (100 * score).toFixed(1) + " %"]) row.insertCell().append(cell);
    return row;
  }));
  element("time").textContent = `${milliseconds.toFixed(1)} ms`;
}

function draw({pixels, height, width}) {
  const canvas = element("seen");
  Object.assign(canvas, {height, width, hidden: false});
  const opaque = new Uint8ClampedArray(height * width * 4).fill(255);
  pixels.forEach((value, index) => { opaque[Math.floor(index / 3) * 4 + (index % 3)] = value; });
  canvas.getContext("2d").putImageData(new ImageData(opaque, width, height), 0, 0);
}

/** Calls `use` with a file that is dropped or chosen, and says what went wrong. */
function onFile(name, use) {
  const label = element(`for-${name}`), input = element(name);
  const take = async file => {
    if (!file) return;
    const mine = ++latest;
    clear();
    element("error").textContent = "";
    try {
      await use(file);
    } catch (error) {
      if (mine === latest) element("error").textContent = error.message;
    }
  };
  label.ondragover = event => { event.preventDefault(); label.classList.add("over"); };
  label.ondragleave = () => label.classList.remove("over");
  label.ondrop = event => {
    event.preventDefault();
    label.classList.remove("over");
    take(event.dataTransfer.files[0]);
  };
  input.onchange = () => {
    take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  };
}

onFile("model", async file => openModel(new Uint8Array(await file.arrayBuffer())));
onFile("picture", show);
