// The texts in the zip archive behind a .tflite file: labels.txt and metadata.json, stored as they
// are.

const END = 0x06054b50, ENTRY = 0x02014b50;

/** Returns the texts by name; none where there is no archive. `bytes` is a Uint8Array. */
export function readTexts(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (start, length) => new TextDecoder().decode(bytes.subarray(start, start + length));
  const texts = {};
  let end = bytes.length - 22; // of an archive without a comment
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) return texts;
  let count = view.getUint16(end + 10, true);
  // Offsets count from where the archive begins, or, as Python writes behind another file, from the
  // file's beginning: the directory lies right before the end, which tells which.
  let place = end - view.getUint32(end + 12, true);
  const shift = place - view.getUint32(end + 16, true);
  for (; count > 0 && view.getUint32(place, true) === ENTRY; count--) {
    const [name, extra, comment] = [28, 30, 32].map(at => view.getUint16(place + at, true));
    const local = shift + view.getUint32(place + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    texts[text(place + 46, name)] = text(start, view.getUint32(place + 24, true));
    place += 46 + name + extra + comment;
  }
  return texts;
}
