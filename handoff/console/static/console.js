// Tells whoever looks elsewhere that somebody waits: a sound made on the spot and, where allowed, a notification.
window.shuiling = {
  ask() {
    if ("Notification" in window && Notification.permission === "default") Notification.requestPermission();
    this.sound ??= new AudioContext();
    this.sound.resume();
  },
  alert(title, body) {
    if (this.sound && this.sound.state === "running") {
      for (const [at, pitch] of [[0, 660], [0.18, 880]]) {
        const tone = this.sound.createOscillator();
        const gain = this.sound.createGain();
        tone.frequency.value = pitch;
        gain.gain.setValueAtTime(0.12, this.sound.currentTime + at);
        gain.gain.exponentialRampToValueAtTime(0.001, this.sound.currentTime + at + 0.16);
        tone.connect(gain).connect(this.sound.destination);
        tone.start(this.sound.currentTime + at);
        tone.stop(this.sound.currentTime + at + 0.17);
      }
    }
    if (document.hidden && "Notification" in window && Notification.permission === "granted") {
      new Notification(title, { body, tag: "shuiling" });
    }
  },
  toEnd(id) {
    requestAnimationFrame(() => {
      const thread = document.getElementById(id);
      if (thread) thread.scrollTop = thread.scrollHeight;
    });
  },
};
