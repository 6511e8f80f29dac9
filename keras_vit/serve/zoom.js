// A look at the same place of several pictures, each in a `.frame` of its own, under the pointer.

const LEAST = 2;  // times that the page magnifies

/** Magnifies all frames in `views` at the place of one of them that a mouse points to. */
export function zoomUnderPointer(views) {
  views.onpointermove = event => {
    const frame = event.pointerType === "mouse" && event.target.closest(".frame");
    const all = [...views.querySelectorAll(".frame")].filter(each => each.offsetWidth);
    if (!frame || all.length < 2) return views.onpointerleave();
    const {left, top, width, height} = frame.getBoundingClientRect();
    const [x, y] = [(event.clientX - left) / width, (event.clientY - top) / height];
    const widest = Math.max(...all.map(({firstChild: {naturalWidth, width}}) => naturalWidth ?? width));
    for (const {firstChild: {style}} of all) {
      style.transformOrigin = `${100 * x}% ${100 * y}%`;
      style.transform = `scale(${Math.max(LEAST, widest / width)})`;
    }
  };
  views.onpointerleave = () => {
    for (const {firstChild: {style}} of views.querySelectorAll(".frame")) style.transform = "";
  };
}
