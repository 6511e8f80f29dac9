// Boxes over a picture, and the table that lists them.

const SIDES = ["x_min", "y_min", "x_max", "y_max"];

/** Draws boxes over a picture: `frame` lies on it and has its size on the screen. */
export function drawBoxes(frame, rows, {height, width}) {
  const boxes = rows.map(({name, colour, score, ...place}) => {
    const [box, label] = [document.createElement("div"), document.createElement("b")];
    const [left, top, right, bottom] = SIDES.map(side => place[side]);
    const shares = {
      left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height,
    };
    for (const [side, share] of Object.entries(shares)) box.style[side] = 100 * share + "%";
    box.style.borderColor = label.style.background = colour;
    label.textContent = box.title = `${name} ${score.toFixed(2)}`;
    box.append(label);
    return box;
  });
  frame.replaceChildren(...boxes.toReversed());  // the surest one on top
  return boxes;
}

/** Lists boxes in a table, in pixels of the picture; a row under the pointer marks its box. */
export function listBoxes(table, rows, boxes) {
  const lines = rows.map(({name, colour, score, ...place}, index) => {
    const [line, swatch] = [document.createElement("tr"), document.createElement("em")];
    swatch.style.background = colour;
    const texts = [name, score.toFixed(3), ...SIDES.map(side => Math.round(place[side]))];
    line.append(...texts.map(text => Object.assign(document.createElement("td"), {textContent: text})));
    line.firstChild.prepend(swatch);
    line.onpointerenter = () => boxes[index].classList.add("marked");
    line.onpointerleave = () => boxes[index].classList.remove("marked");
    return line;
  });
  table.replaceChildren(...lines);
}
