const scale = { mel: true };
const palette = Uint8Array.from(page.colours.match(/../g), (byte) => parseInt(byte, 16));
const transforms = new Map();

/** Power spectra of `size` Hann-windowed samples; a sine at full scale has power 1. */
function transform(size) {
  const turn = (n) => (2 * Math.PI * n) / size;
  const cosine = Float64Array.from({ length: size }, (_, n) => Math.cos(turn(n)));
  const sine = Float64Array.from({ length: size }, (_, n) => Math.sin(turn(n)));
  const order = new Uint32Array(size);
  for (let i = 1; i < size; i++) order[i] = (order[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
  const re = new Float64Array(size), im = new Float64Array(size), power = new Float64Array(size / 2 + 1);
  return (samples, centre) => {
    const start = Math.round(centre) - size / 2;
    for (let n = 0; n < size; n++) re[order[n]] = (samples[start + n] ?? 0) * (0.5 - 0.5 * cosine[n]);
    im.fill(0);
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let block = 0; block < size; block += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = block + k, b = a + half, c = cosine[k * stride], s = sine[k * stride];
          const x = re[b] * c + im[b] * s, y = im[b] * c - re[b] * s;
          re[b] = re[a] - x; im[b] = im[a] - y; re[a] += x; im[a] += y;
        }
      }
    }
    for (let k = 0; k < power.length; k++) power[k] = (re[k] ** 2 + im[k] ** 2) / (size / 4) ** 2;
    return power;
  };
}

const mel = (hertz) => (scale.mel ? Math.log1p(hertz / 700) : hertz);
const hertz = (mel) => (scale.mel ? 700 * Math.expm1(mel) : mel);

/** dB for each pixel, (column, row) with row 0 at the bottom: one transform a column, the largest bin or an interpolation a row. */
function levels(samples, rate, size, [start, stop], columns, rows) {
  if (!transforms.has(size)) transforms.set(size, transform(size));
  const spectrum = transforms.get(size), picture = new Float32Array(columns * rows);
  const bins = Float64Array.from({ length: rows + 1 }, (_, row) => (hertz((row / rows) * mel(rate / 2)) * size) / rate);
  for (let column = 0; column < columns; column++) {
    const power = spectrum(samples, rate * (start + ((column + 0.5) / columns) * (stop - start)));
    for (let row = 0; row < rows; row++) {
      const middle = Math.min((bins[row] + bins[row + 1]) / 2, size / 2 - 1), below = Math.floor(middle);
      let value = power[below] + (middle - below) * (power[below + 1] - power[below]);
      for (let bin = Math.ceil(bins[row]); bin < bins[row + 1]; bin++) value = Math.max(value, power[bin]);
      picture[column * rows + row] = 10 * Math.log10(value + 1e-20);
    }
  }
  return picture;
}

function fit(canvas) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  return canvas;
}

function paint(canvas, picture, loudest) {
  const { width, height } = canvas, pen = canvas.getContext("2d"), image = pen.createImageData(width, height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const shade = clamp(1 + (picture[x * height + height - 1 - y] - loudest) / page.range, 0, 1);
      image.data.set(palette.subarray(3 * Math.round(255 * shade), 3 * Math.round(255 * shade) + 3), at);
      image.data[at + 3] = 255;
    }
  }
  pen.putImageData(image, 0, 0);
}

function drawWaves(canvas, waves, rate, [start, stop], lost) {
  const { width, height } = fit(canvas), pen = canvas.getContext("2d");
  const colour = (name) => getComputedStyle(root).getPropertyValue(name);
  const first = Math.floor(start * rate), last = Math.ceil(stop * rate);
  let peak = 1e-4;
  for (const { wave } of waves) for (let i = Math.max(first, 0); i <= last && i < wave.length; i++) peak = Math.max(peak, Math.abs(wave[i]));
  const x = (t) => ((t - start) / (stop - start)) * width;
  pen.fillStyle = colour("--lost");
  pen.fillRect(x(lost[0]), 0, x(lost[1]) - x(lost[0]), height);
  pen.fillStyle = colour("--line");
  pen.fillRect(0, height / 2, width, 1);
  pen.lineJoin = "round";
  for (const { wave, ink, thickness } of waves) {
    pen.strokeStyle = colour(ink);
    pen.lineWidth = thickness * (height / canvas.clientHeight);
    pen.beginPath();
    for (let i = Math.max(first, 0); i <= last && i < wave.length; i++) pen.lineTo(x(i / rate), (height / 2) * (1 - (0.94 * wave[i]) / peak));
    pen.stroke();
  }
}
