// Which sizes are worth offering for a model: a few shapes of about its own area, on its grid. Knows no field.

const SHAPES = [["square", 1, 1], ["portrait", 3, 4], ["landscape", 4, 3], ["tall", 9, 16], ["wide", 16, 9]];

export const nameOf = (width, height) => `${width} × ${height}`;

/** `[words, width, height]` for each shape that fits; the model's own size is the first. */
export function sizesOf({ minimum, maximum, multiple, width, height }) {
  const onGrid = (length) => Math.round(length / multiple) * multiple;
  const fits = (length) => length >= minimum && length <= maximum;
  const own = width === height ? "square" : width < height ? "portrait" : "landscape";
  const found = new Map([[nameOf(width, height), [own, width, height]]]);
  for (const [words, across, down] of SHAPES) {
    const unit = Math.sqrt((width * height) / (across * down));
    const [wide, high] = [onGrid(unit * across), onGrid(unit * down)];
    const known = found.has(nameOf(wide, high)) || (words === own && across === down);
    if (fits(wide) && fits(high) && !known) found.set(nameOf(wide, high), [words, wide, high]);
  }
  return [...found.values()];
}
