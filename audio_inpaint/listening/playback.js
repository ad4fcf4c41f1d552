const EDGE = 0.01; // s of fade wherever sound begins or ends: a click of ours must not pass for one of a restoration

/** A passage of every source with faded ends, so that it can begin, end and repeat without a click. */
function passage(buffers, [start, stop]) {
  return buffers.map((buffer) => {
    const rate = buffer.sampleRate, first = Math.round(start * rate), length = Math.round(stop * rate) - first;
    const cut = new AudioBuffer({ length, numberOfChannels: buffer.numberOfChannels, sampleRate: rate });
    const edge = Math.min(Math.round(EDGE * rate), length >> 1);
    for (let c = 0; c < buffer.numberOfChannels; c++) {
      const wave = buffer.getChannelData(c).slice(first, first + length);
      for (let n = 0; n < edge; n++) { wave[n] *= n / edge; wave[length - 1 - n] *= n / edge; }
      cut.copyToChannel(wave, c);
    }
    return cut;
  });
}

/** The report's player, which repeats a passage, begins and ends gently, and knows how long each source was heard. */
class Listening extends Player {
  constructor(buffers, listened = buffers.map(() => 0)) {
    const whole = [0, buffers[0].duration];
    super(passage(buffers, whole));
    Object.assign(this, { recording: buffers, whole, span: whole, loop: whole, listened });
  }

  /** Position in the recording, s. */
  get place() { return this.span[0] + this.position; }

  goTo(place) { this.seek(place - this.span[0]); }

  /** Repeats a part of the recording; it goes on from where it was, if that lies inside. */
  select(span) {
    const place = this.place;
    this.around(() => {
      this.span = span;
      this.buffers = passage(this.recording, span);
      this.duration = this.buffers[0].duration;
      this.loop = [0, this.duration];
      this.from = place >= span[0] && place < span[1] ? place - span[0] : 0;
    });
  }

  /** Adds what was heard since the last call to the source that was heard. */
  account() {
    if (!this.playing) return;
    const now = this.context.currentTime;
    this.listened[this.heard] += Math.max(0, now - Math.max(this.accounted ?? this.since, this.since));
    this.accounted = now;
  }

  play(rise = EDGE) {
    super.play();
    const { gain } = this.nodes[this.heard];
    gain.setValueAtTime(0, this.since);
    gain.linearRampToValueAtTime(1, this.since + rise);
  }

  pause() {
    this.account();
    const { nodes, context } = this;
    this.from = this.position;
    this.nodes = [];
    for (const { node, gain } of nodes) {
      const now = context.currentTime;
      gain.cancelScheduledValues(now);
      gain.setValueAtTime(gain.value, now);
      gain.linearRampToValueAtTime(0, now + EDGE);
      node.stop(now + EDGE);
    }
  }

  hear(source) {
    this.account();
    super.hear(source);
  }
}
