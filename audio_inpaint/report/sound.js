async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Int16Array(await new Response(inflated).arrayBuffer());
}

/** All sources as AudioBuffers; every one after the first is stored as its difference from the first, modulo 2^16. */
async function decode({ sources, channels, length, rate }) {
  const [first, ...others] = await Promise.all(sources.map((source) => unpack(source.audio)));
  for (const samples of others) for (let i = 0; i < samples.length; i++) samples[i] += first[i];
  return [first, ...others].map((samples) => {
    const buffer = new AudioBuffer({ length, numberOfChannels: channels, sampleRate: rate });
    for (let c = 0; c < channels; c++) {
      const wave = buffer.getChannelData(c);
      for (let i = 0; i < length; i++) wave[i] = samples[c * length + i] / 32768;
    }
    return buffer;
  });
}

/** Plays all sources at once, all but one at gain 0: switching is a crossfade of 8 ms and moves nothing. */
class Player {
  static contexts = new Map();

  static context(rate) { // at the audio's own rate where the browser can: its buffer nodes interpolate only linearly
    if (!Player.contexts.has(rate)) {
      try { Player.contexts.set(rate, new AudioContext({ sampleRate: rate })); }
      catch { Player.contexts.set(rate, new AudioContext()); }
    }
    return Player.contexts.get(rate);
  }

  constructor(buffers) {
    Object.assign(this, { buffers, duration: buffers[0].duration, from: 0, heard: 0, loop: null, nodes: [] });
  }

  get playing() { return this.nodes.length > 0; }

  get position() {
    if (!this.playing) return this.from;
    const position = this.from + Math.max(0, this.context.currentTime - this.since);
    if (!this.loop || position < this.loop[1]) return Math.min(position, this.duration);
    return this.loop[0] + ((position - this.loop[0]) % (this.loop[1] - this.loop[0]));
  }

  play() {
    const rate = this.buffers[0].sampleRate;
    this.context = Player.context(rate);
    this.context.resume();
    if (this.from >= this.duration - 0.01) this.from = 0;
    if (this.loop && (this.from < this.loop[0] || this.from >= this.loop[1])) this.from = this.loop[0];
    this.since = this.context.currentTime + 0.02;
    this.nodes = this.buffers.map((buffer, i) => {
      const node = new AudioBufferSourceNode(this.context, { buffer });
      if (this.loop) [node.loop, node.loopStart, node.loopEnd] = [true, ...this.loop];
      const gain = new GainNode(this.context, { gain: i === this.heard ? 1 : 0 });
      node.connect(gain).connect(this.context.destination);
      node.start(this.since, this.from);
      return { node, gain: gain.gain };
    });
  }

  pause() {
    this.from = this.position;
    for (const { node } of this.nodes) node.stop();
    this.nodes = [];
  }

  /** Runs `change` with everything stopped, and goes on playing if it was. */
  around(change) {
    const resume = this.playing;
    this.pause();
    change();
    if (resume) this.play();
  }

  seek(position) { this.around(() => { this.from = clamp(position, 0, this.duration); }); }

  repeat(loop) { this.around(() => { this.loop = loop; }); }

  hear(source) {
    this.heard = source;
    this.nodes.forEach(({ gain }, i) => {
      const now = this.context.currentTime;
      gain.cancelScheduledValues(now);
      gain.setValueAtTime(gain.value, now);
      gain.linearRampToValueAtTime(i === source ? 1 : 0, now + 0.008);
    });
  }
}
