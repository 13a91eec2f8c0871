// The line to the lab: JSON both ways; when it drops, it is dialled again.

const LONGEST = 5000; // milliseconds between two attempts

export class Line {
  /**
   * @param {(message: object) => void} hear Called with every message.
   * @param {(up: boolean) => void} tell Called when the line goes up or down.
   */
  constructor(hear, tell) {
    this.hear = hear;
    this.tell = tell;
    this.wait = 300;
    this.dial();
  }

  dial() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.socket.onopen = () => {
      this.wait = 300;
      this.tell(true);
    };
    this.socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    this.socket.onclose = () => {
      this.tell(false);
      setTimeout(() => this.dial(), this.wait);
      this.wait = Math.min(LONGEST, this.wait * 1.7);
    };
  }

  /** Sends a command; false where there is no line. */
  send(command) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(command));
    return true;
  }
}
