# A dom0 without Xen: takes the agent as it is sent, gives it an imitation of a hypervisor in the place of privcmd, and a folder
# in the place of /. It loads, applies and reverts like Xen where all goes well, believes every payload, and is no witness of
# what Xen does. Its state lies in FOLDER/xen.json, so that it outlives a connection.
#
#   python fake-dom0.py FOLDER [what is said to start the agent, which is passed over]
#
# FOLDER/settings.json: {"buildId": hex, "delayMs": of each request, "dieAt": number of the hypercall at which it ends}
import json, os, struct, sys, time

FOLDER = sys.argv[1]


def settings():
    with open(os.path.join(FOLDER, "settings.json")) as f: return json.load(f)


def exactly(n):
    data = b""
    while len(data) < n:
        part = os.read(0, n - len(data))
        if not part: os._exit(70)
        data += part
    return data


def hexed(data):
    return "".join("%02x" % b for b in bytearray(data))


def notes(elf):
    """Build-id and parent of a payload, by the names of their sections."""
    shoff, = struct.unpack_from("<Q", elf, 40)
    size, count, names = struct.unpack_from("<HHH", elf, 58)
    header = lambda i: struct.unpack_from("<IIQQQQIIQQ", elf, shoff + i * size)
    text = header(names)[4]
    found = {}
    for i in range(count):
        name, _, _, _, offset, length = header(i)[:6]
        end = elf.index(b"\0", text + name)
        data = elf[offset:offset + length]
        if len(data) < 12: continue
        n, desc = struct.unpack_from("<II", data)
        start = 12 + (n + 3) // 4 * 4
        found[elf[text + name:end].decode("latin-1")] = hexed(data[start:start + desc])
    return found.get(".note.gnu.build-id", ""), found.get(".livepatch.depends", "")


class FakeXen(object):
    def __init__(self):
        self.settings = settings()
        self.path = os.path.join(FOLDER, "xen.json")
        self.load()
        self.memory, self.next, self.calls = [], 0x100000, 0

    def load(self):
        try:
            with open(self.path) as f: self.state = json.load(f)
        except IOError: self.state = {"stamp": 1, "console": "", "payloads": []}

    def save(self):
        with open(self.path + ".new", "w") as f: json.dump(self.state, f)
        os.rename(self.path + ".new", self.path)

    def allocate(self, size):
        address = self.next
        self.next += size + 0x100000
        self.memory.append((address, bytearray(size)))
        return address

    def place(self, address, size):
        for start, data in self.memory:
            if start <= address and address + size <= start + len(data): return data, address - start
        raise agent["Refused"]("no memory there")

    def read(self, address, size):
        data, at = self.place(address, size)
        return bytes(data[at:at + size])

    def write(self, address, new):
        data, at = self.place(address, len(new))
        data[at:at + len(new)] = new

    def say(self, text):
        for line in text.split("\n"): self.state["console"] += "(XEN) %s\n" % line

    def call(self, op, first, second):
        self.calls += 1
        time.sleep(self.settings.get("delayMs", 0) / 1000.0)
        if self.calls == self.settings.get("dieAt"): os._exit(9)
        if op == 17:
            if first == 0: return 0x40011
            if first == 1:
                self.write(second, b".7\0")
                return 0
            self.write(second + 4, bytes(bytearray.fromhex(self.settings["buildId"])))
            return 20
        return self.sysctl(first)

    def sysctl(self, at):
        command, version = struct.unpack_from("<II", self.read(at, 8))
        # Other connections are at the same one.
        self.load()
        if version != 0x15: return -13
        if command == 1: return self.console(at)
        if command == 7: return self.key()
        if command != 27: return 0
        kind, = struct.unpack_from("<I", self.read(at + 8, 4))
        rc = [self.upload, self.get, self.list, self.action][kind](at)
        if kind in (0, 3): self.save()
        return rc

    def console(self, at):
        incremental, = struct.unpack_from("<B", self.read(at + 9, 1))
        index, target, size = struct.unpack("<IQI", self.read(at + 12, 16))
        text = self.state["console"].encode("latin-1")
        start = index if incremental and index <= len(text) else 0
        data = text[start:start + size]
        self.write(target, data)
        self.write(at + 12, struct.pack("<I", start + len(data)))
        self.write(at + 24, struct.pack("<I", len(data)))
        return 0

    def key(self):
        self.say("'x' pressed - Dumping all livepatch patches\nbuild-id: " + self.settings["buildId"])
        for p in self.state["payloads"]:
            word = "APPLIED" if p["state"] == 2 else "CHECKED"
            self.say(" name=%s state=%s(%d) ffff82d0405b0000 (.data=ffff82d0405b1000, .rodata=ffff82d0405b2000) using 3 pages."
                     % (p["name"], word, p["state"]))
            self.say("    xen_extra_version patch ffff82d040230f90(12) with ffff82d040609000 (8)")
            self.say("build-id=%s\ndepend-on=%s" % (p["buildId"], p["depends"]))
        self.save()
        return 0

    def named(self, at):
        address, size = struct.unpack("<QH", self.read(at + 16, 10))
        name = self.read(address, size)[:-1].decode("latin-1")
        return name, next((p for p in self.state["payloads"] if p["name"] == name), None)

    def upload(self, at):
        name, present = self.named(at)
        if present: return -17
        size, address = struct.unpack("<QQ", self.read(at + 32, 16))
        elf = self.read(address, size)
        if elf[:4] != b"\x7fELF":
            self.say("livepatch: %s: Not an ELF payload!" % name)
            return -22
        build_id, depends = notes(elf)
        self.state["payloads"].append({"name": name, "buildId": build_id, "depends": depends, "state": 1, "rc": 0})
        self.state["stamp"] += 1
        return 0

    def get(self, at):
        _, p = self.named(at)
        if p is None: return -2
        self.write(at + 32, struct.pack("<Ii", p["state"], p["rc"]))
        return 0

    def list(self, at):
        index, count = struct.unpack("<II", self.read(at + 20, 8))
        status, name, lengths, metadata, sizes = struct.unpack("<5Q", self.read(at + 40, 40))
        payloads = self.state["payloads"]
        given = payloads[index:index + count]
        for i, p in enumerate(given):
            text = p["name"].encode("latin-1") + b"\0"
            self.write(status + 8 * i, struct.pack("<Ii", p["state"], p["rc"]))
            self.write(name, text)
            self.write(lengths + 4 * i, struct.pack("<I", len(text)))
            self.write(sizes + 4 * i, struct.pack("<I", 0))
            name += len(text)
        self.write(at + 16, struct.pack("<I", self.state["stamp"]))
        self.write(at + 24, struct.pack("<I", len(payloads) - (index + len(given) if count else 0)))
        self.write(at + 32, struct.pack("<II", sum(len(p["name"]) + 1 for p in payloads), 0))
        return len(given)

    def action(self, at):
        name, p = self.named(at)
        command, = struct.unpack("<I", self.read(at + 32, 4))
        if p is None: return -2
        payloads = self.state["payloads"]
        if command == 1:
            if p["state"] == 2: return -22
            payloads.remove(p)
            self.state["stamp"] += 1
            return 0
        word = {2: "REVERT", 3: "APPLY", 4: "REPLACE"}[command]
        if command == 4:
            for other in payloads: other["state"] = 1
        p["state"] = 1 if command == 2 else 2
        p["rc"] = 0
        self.say("livepatch: %s: %s" % (name, "Reverting" if command == 2 else "Applying 1 functions"))
        self.say("livepatch: %s finished %s with rc=0" % (name, word))
        return 0


size, = struct.unpack("<I", exactly(4))
agent = {"__name__": "agent"}
exec(compile(exactly(size), "agent", "exec"), agent)
agent["main"](FakeXen, os.path.join(FOLDER, "root").encode())
