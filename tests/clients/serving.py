"""Starts `jielong serve` and looks at it from outside. Standard library only."""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def write_tiny_model(folder):
    """A random llama of 80 tokens in Hugging Face layout, as tests/facade/tiny_model.h makes it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    golden = ROOT / "tests/model/goldens/llama"
    for name in ("config.json", "model.safetensors"):
        shutil.copy(golden / name, folder / name)
    letters = (
        " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'()-_/+*"
    )
    specials = ["<unk>", "<s>", "</s>"]
    added = [
        {"id": i, "content": name, "special": True, "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False}
        for i, name in enumerate(specials)
    ]
    tokenizer = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "fuse_unk": False,
            "byte_fallback": False,
            "merges": [],
            "vocab": {piece: i for i, piece in enumerate([*specials, *letters])},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}a:{% endif %}",
        encoding="utf-8",
    )
    return folder


class Server:
    """A running server on a free port of this machine; stopped at the end of a with block."""

    def __init__(self, program, *arguments, environment=None, patience=120):
        self.log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [str(program), "serve", "--port", "0", "--json", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=self.log,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.pid = self.process.pid
        self.about = self._read_address(patience)
        self.url = self.about["url"]
        self.host, self.port = urllib.parse.urlsplit(self.url).netloc.rsplit(":", 1)
        self.port = int(self.port)

    def _read_address(self, patience):
        timer = threading.Timer(patience, self.process.kill)
        timer.start()
        text = ""
        try:
            for line in self.process.stdout:
                text += line
                try:
                    return json.loads(text)
                except json.JSONDecodeError:
                    continue
        finally:
            timer.cancel()
        self.process.wait()
        raise RuntimeError(f"the server did not start:\n{text}{self.messages()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def messages(self):
        """What it wrote to standard error."""
        self.log.seek(0)
        return self.log.read()

    def stop(self, patience=60):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        return self.process.returncode

    def request(self, method, path, body=None, headers=None, timeout=120):
        """(status, headers, text) of one request."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            payload = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()
        finally:
            connection.close()

    def metrics(self, headers=None):
        """{name: sum over labels} of /metrics."""
        status, _, text = self.request("GET", "/metrics", headers=headers)
        assert status == 200, text
        sums = {}
        for line in text.splitlines():
            match = re.fullmatch(r"([a-z_]+)(?:\{.*\})? (\S+)", line)
            if match:
                sums[match[1]] = sums.get(match[1], 0) + float(match[2])
        return sums

    def wait_idle(self, patience=30):
        """Waits until nothing is generated or waits in line; the metrics then."""
        deadline = time.monotonic() + patience
        while True:
            metrics = self.metrics()
            busy = metrics.get("jielong_model_active_chains", 0) + metrics.get(
                "jielong_model_waiting_jobs", 0)
            if busy == 0:
                return metrics
            if time.monotonic() > deadline:
                raise AssertionError(f"still busy after {patience} s: {metrics}")
            time.sleep(0.1)

    def resident_bytes(self):
        text = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii")
        return int(text.split()[1]) * os.sysconf("SC_PAGESIZE")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))
