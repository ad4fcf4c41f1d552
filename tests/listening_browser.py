"""A headless Chromium driven over its own pipe (the DevTools protocol): real keys, real reloads, real downloads."""

import fcntl
import json
import os
import shutil
import subprocess
import time

CODES = {" ": ("Space", 32), "Enter": ("Enter", 13), "ArrowRight": ("ArrowRight", 39), "ArrowLeft": ("ArrowLeft", 37),
         "Tab": ("Tab", 9), "End": ("End", 35), "Home": ("Home", 36), "Backspace": ("Backspace", 8)}  # fmt: skip
QUIET = "--no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-quic"


def chromium():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One page; use it in a `with` block."""

    def __init__(self, folder, size=(1200, 900)):
        self.downloads = folder / "downloads"
        theirs, self.out = os.pipe()
        self.inp, answers = os.pipe()
        # the protocol wants descriptors 3 and 4: neither may be one of ours before both are set
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs, answers)]
        line = f'exec "$0" "$@" 3<&{high[0]} 4>&{high[1]}'
        command = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", *QUIET.split(),
                   "--mute-audio", f"--user-data-dir={folder / 'profile'}", f"--window-size={size[0]},{size[1]}",
                   "about:blank"]  # fmt: skip
        self.process = subprocess.Popen(["bash", "-c", line, *command], pass_fds=high, stderr=subprocess.DEVNULL)
        for end in (theirs, answers, *high):
            os.close(end)
        self.session, self.count, self.buffer, self.errors = None, 0, b"", []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.out)
        os.close(self.inp)
        self.process.kill()
        self.process.wait()

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session and not method.startswith("Browser."):
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(answer["params"]["exceptionDetails"])
            if answer.get("method") == "Page.javascriptDialogOpening":  # leaving a page that asks to stay
                self.count += 1
                accept = {"id": self.count, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                os.write(self.out, json.dumps(accept | {"sessionId": self.session}).encode() + b"\0")
            if answer.get("id") == message["id"]:
                assert "error" not in answer, answer
                return answer["result"]

    def _message(self):
        while b"\0" not in self.buffer:
            part = os.read(self.inp, 1 << 16)
            assert part, "the browser ended"
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def run(self, script):
        """The value of an expression, promises awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script, tries=400):
        """Wait until an expression holds."""
        for _ in range(tries):
            if value := self.run(script):
                return value
            time.sleep(0.02)
        raise AssertionError(f"never: {script}; page error: {self.run('document.documentElement.dataset.error')}")

    def open(self, path):
        self.call("Page.navigate", url=path.as_uri())
        self.ready()

    def reload(self):
        self.run("document.documentElement.removeAttribute('data-ready')")
        self.call("Page.reload")
        self.ready()

    def ready(self):
        self.until("document.readyState === 'complete' && 'ready' in document.documentElement.dataset")

    def press(self, *keys):
        """Press keys one after the other; `shift+b` with shift."""
        for key in keys:
            shift, letter = key.startswith("shift+"), key.removeprefix("shift+")
            code, number = CODES.get(letter, ("", ord(letter.upper()[0])))
            text = "\r" if letter == "Enter" else letter if len(letter) == 1 else ""
            event = {"key": letter.upper() if shift else letter, "code": code, "windowsVirtualKeyCode": number}
            event["modifiers"] = 8 if shift else 0
            down = {"type": "keyDown" if text else "rawKeyDown", **({"text": text} if text else {})}
            self.call("Input.dispatchKeyEvent", **down, **event)
            self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def downloaded(self, suffix, tries=400):
        for _ in range(tries):
            found = sorted(self.downloads.glob(f"*{suffix}"))
            if found:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no {suffix} was saved")
