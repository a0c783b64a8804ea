// What somebody would write for Node.js: a subscriber that keeps 100 values of each device and counts those far from their
// mean. Usage: z_score.js PORT COUNT_FILE. Runs until SIGTERM.
const fs = require("fs");
const mqtt = require("mqtt");

const WINDOW = 100, THRESHOLD = 3, LEAST = 30;

// A sliding window with running sums.
class Series {
  constructor() {
    this.values = new Float64Array(WINDOW);
    this.next = this.count = this.sum = this.squares = 0;
  }

  isAnomaly(value) {
    let unusual = false;
    if (this.count >= LEAST) {
      const mean = this.sum / this.count;
      const deviation = Math.sqrt(Math.max(0, this.squares / this.count - mean * mean));
      unusual = deviation > 0 && Math.abs(value - mean) > THRESHOLD * deviation;
    }
    if (this.count === WINDOW) {
      const oldest = this.values[this.next];
      this.sum -= oldest;
      this.squares -= oldest * oldest;
    } else {
      this.count++;
    }
    this.values[this.next] = value;
    this.next = (this.next + 1) % WINDOW;
    this.sum += value;
    this.squares += value * value;
    return unusual;
  }
}

const [port, path] = process.argv.slice(2);
const series = new Map();
let messages = 0, anomalies = 0;

function take(topic, payload) {
  const device = topic.split("/")[1];
  for (const [metric, value] of Object.entries(JSON.parse(payload).values)) {
    if (typeof value !== "number") continue;
    const key = device + "/" + metric;
    let one = series.get(key);
    if (one === undefined) series.set(key, one = new Series());
    anomalies += one.isAnomaly(value);
  }
  messages++;
}

function publishCount() {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(messages));
  fs.writeFileSync(path + ".new", bytes);
  fs.renameSync(path + ".new", path);
}

const client = mqtt.connect("mqtt://127.0.0.1:" + port, { clientId: "z-score-js" });
client.on("connect", () => client.subscribe("devices/+/telemetry", { qos: 1 }, () => setInterval(publishCount, 100)));
client.on("message", take);
