// A page that is opened from a folder may not start a worker; the search then works in a hidden frame.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      const early = []
      frame.hidden = true
      document.body.append(frame)
      const inner = frame.contentWindow
      inner.postMessage = data => this.dispatchEvent(new MessageEvent("message", {data}))
      const script = inner.document.createElement("script")
      script.src = url
      script.onload = () => {
        this.tell = data => inner.dispatchEvent(new inner.MessageEvent("message", {data}))
        early.forEach(this.tell)
      }
      this.tell = data => early.push(data)
      inner.document.body.append(script)
    }
    postMessage(data) { this.tell(data) }
  }
  window.Worker = window.IFrameWorker
}
