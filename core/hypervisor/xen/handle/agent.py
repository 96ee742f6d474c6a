# The far end of --host ssh:// and exec: of xsplice-ts. It runs in dom0 as root, under Python 2.7 or 3.4 and later, is sent
# along with each connection, and installs nothing. It makes hypercalls and reads and keeps files, and knows nothing of live
# patching: what is asked for and why is decided on the other side. What it may do is in ALLOWED below.
#
# To install it for `command=` in authorized_keys: xsplice-ts agent --print > /usr/local/sbin/xsplice-agent.py
#
# It writes the line `XSPLICE-AGENT 2` and then frames: u32 length, that many bytes; all integers are little-endian.
# The first frame is the hello: i32 errno of the device or 0, u64 address and u32 size of its first memory, u32 user, and
# these texts with a NUL behind each: interpreter, host name, what was opened. Then it takes requests, frames too, and
# answers each with a frame, in order. A frame of length 0 ends it. The first byte of a request says what it is:
#   #  this very source, which is sent along without asking; no answer
#   H  hypercall: u32 n, n times {u64 address, u32 length, bytes} to put there; u32 n, n times {u64 address, u32 length} to
#      bring back, zeroed before; u32 number, u64 first argument, u64 second argument; poll: u64 address, i32 value, u32 ms:
#      again while that is there -> i64 result, then for each u32 length, bytes without the NULs at the end
#   A  u32 size -> i32 errno, u64 address: more memory
#   F  u32 offset, u32 most, path -> i32 errno, u64 size of the file, bytes
#   D  path -> i32 errno, names with a NUL behind each
#   O  path -> i32 errno, bytes: of a file of our own, which nobody else can have written
#   W  u32 length of the path, path, bytes -> i32 errno: puts a file in place at once, and the folders to it
#   P  the same -> i32 errno: adds to the end of a file
#   X  path -> i32 errno: removes a file, or an empty folder
#   K  u32 ms, path -> i32 errno, text: takes the lock of a folder; EBUSY and what its holder says of itself
#   U  path -> nothing: gives it back
#   N  -> nothing: somebody is there
#   V  u32 ms, u32 length of the path, path, note -> i32 errno: there is a last will from now on, see Will. After ms without
#      a request (0: as long as ever), or when the connection ends before a frame of length 0, it is carried out
#   L  i64 result, u32 length of the head, head, part: when the next hypercall has this result, the will gets this head, and
#      this part in front of the others; nothing but a result: when it has this one, there is no will any more; no answer
#   C  -> i32 errno: there is no will any more
#   S  u32 ms, u32 length of the path, path, folder -> i32 errno: when the connection ends, however it does, the agent stays
#      alone. After ms, counted from now, it takes the lock of the folder and carries the will out, if the file `path` is then as
#      it was at the end; it removes that first. The file's folder is locked meanwhile: EEXIST where another one stays there
import array, binascii, ctypes, errno, fcntl, mmap, os, re, select, signal, socket, stat, struct, sys, time

PROTOCOL = 2
# Python 2.7 has no clock that nobody sets.
clock = getattr(time, "monotonic", time.time)
# Longest frame, either way; and all the memory that is given.
MAX_FRAME = 8 << 20
MAX_MEMORY = 192 << 20
FIRST_MEMORY = 8 << 20
# A connection over which nothing comes for so long is taken for dead: the other side says every few seconds that it is there.
SILENCE = 90.0
# A last will: so many bytes at most, and so much is written of what it did.
MAX_WILL = 1 << 20
MAX_TURNS = 100
MAX_RECORD = 64 << 10
# Who stays alone looks so often whether it is still to do something, and waits so long for its turn before it looks again.
LOOK = 0.5
PATIENCE = 10.0

OURS = br"/(run|var/lib)/xsplice-ts(/[^/\0]+)*"
ALLOWED = {
    "read": br"/proc/xen/(xensyms|capabilities)|/boot/xen[^/]*|/usr/lib/debug/(boot/)?xen-syms[^/]*|/etc/os-release"
            br"|/etc/xensource-inventory|/proc/sys/kernel/random/boot_id|/proc/uptime|/usr/lib/xen-livepatch/[^/]+/[^/]+\.livepatch",
    "list": br"/boot|/usr/lib/debug(/boot)?|/usr/lib/xen-livepatch(/[^/]+)?|" + OURS,
    "ours": OURS,
    # What may be done here is read, and never written.
    "kept": OURS + br"|/etc/xsplice-ts/[^/\0]+",
}
SYSCTL, XEN_VERSION = 35, 17
READCONSOLE, PHYSINFO, DEBUG_KEYS, LIVEPATCH = 1, 3, 7, 27


class Refused(Exception):
    """What was asked for is not in ALLOWED."""


def number(error):
    return error.errno or errno.EIO


class Privcmd(object):
    """Hypercalls by the kernel's privcmd; memory that the kernel never moves."""
    def __init__(self):
        self.buffers = []
        self.path = "/dev/xen/privcmd"
        try:
            self.fd = os.open(self.path, os.O_RDWR)
        except OSError as e:
            if e.errno not in (errno.ENOENT, errno.ENXIO, errno.ENODEV): raise
            # Kernels before 3.0.
            try: self.fd = os.open("/proc/xen/privcmd", os.O_RDWR)
            except OSError: raise e
        try:
            # Since Linux 4.18: pages that never fault.
            self.memory = os.open("/dev/xen/hypercall", os.O_RDWR)
        except OSError as e:
            if e.errno != errno.ENOENT: raise
            self.memory = -1

    def allocate(self, size):
        access = mmap.PROT_READ | mmap.PROT_WRITE
        if self.memory >= 0:
            m = mmap.mmap(self.memory, size, mmap.MAP_SHARED, access)
        else:
            # 0x2000 is MAP_LOCKED on x86 and Arm. Each page is touched: a page that is not there would be EFAULT.
            m = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x2000, access)
            for i in range(0, size, 4096): m[i:i + 1] = b"\0"
        address = ctypes.addressof(ctypes.c_char.from_buffer(m))
        self.buffers.append((address, size, m))
        return address

    def place(self, address, size):
        for start, length, m in self.buffers:
            if start <= address and address + size <= start + length: return m, address - start
        raise Refused("%d bytes at 0x%x are in no memory of this agent" % (size, address))

    def read(self, address, size):
        m, at = self.place(address, size)
        return m[at:at + size]

    def write(self, address, data):
        m, at = self.place(address, len(data))
        m[at:at + len(data)] = data

    def call(self, op, first, second):
        # Python 2.7 takes no bytearray here, and bytes would lose the result.
        request = array.array("B", struct.pack("<6Q", op, first, second, 0, 0, 0))
        try: return fcntl.ioctl(self.fd, 0x305000, request, True)
        except (OSError, IOError) as e: return -number(e)


class Gone(EOFError):
    """The other side: why."""


class Steps(object):
    """What takes something back, a step after another. A step: u32 how often at most, u32 ms to wait before (doubled with each
    turn, 2 s at most), u32 length and what it is in words, u32 length and a request H, u32 n, n times {i64 least and i64 most
    result, u64 address, u32 length, bytes that have to be there, u32 next step}. The first answer that fits counts; a next step
    behind the last is the end; where none fits, something is not as it was foreseen."""
    def __init__(self, data):
        self.steps, self.size = [], len(data)
        at = [0]
        def take(form):
            values = struct.unpack_from("<" + form, data, at[0])
            at[0] += struct.calcsize("<" + form)
            return values
        def text():
            n, = take("I")
            if at[0] + n > len(data): raise struct.error("%d bytes are not there" % n)
            at[0] += n
            return data[at[0] - n:at[0]]
        while at[0] < len(data):
            most, pause = take("II")
            words, request = text(), text()
            answers = []
            for _ in range(take("I")[0]):
                least, greatest, address = take("qqQ")
                answers.append((least, greatest, address, text(), take("I")[0]))
            self.steps.append((most, pause, words, request, answers))

    def follow(self, agent, record):
        """True where it came to its end."""
        at, turns = 0, [0] * len(self.steps)
        while at < len(self.steps):
            most, pause, words, request, answers = self.steps[at]
            words = re.sub(br"[^ -~]", b"?", words).decode()
            if turns[at] >= min(most, MAX_TURNS):
                record.line("%s: no more tries" % words)
                return False
            time.sleep(min(pause * 2 ** min(turns[at], 16), 2000) / 1000.0)
            turns[at] += 1
            rc, = struct.unpack_from("<q", agent.hypercall(request))
            fits = [to for least, greatest, address, data, to in answers
                    if least <= rc <= greatest and (not data or agent.device.read(address, len(data)) == data)]
            record.line("%s: %d%s" % (words, rc, "" if fits else ", not as foreseen"))
            if not fits: return False
            at = fits[0]
        return True


class Will(object):
    """What is done when nobody says any more what is to be done: a head, which looks whether all is as it was left, and parts, the
    last one first. What it does is written down in a file, a line at a time."""
    def __init__(self, path, note, silence):
        self.path, self.note, self.silence = path, note, silence
        self.head, self.parts, self.next = Steps(b""), [], None

    def change(self, result, data):
        if not data: self.next = (result, None, None)
        else:
            n, = struct.unpack_from("<I", data)
            if n > len(data) - 4: raise struct.error("the head is not there")
            self.next = (result, Steps(data[4:4 + n]), Steps(data[4 + n:]))
        if self.next[1] and self.next[1].size + self.next[2].size + sum(p.size for p in self.parts) > MAX_WILL:
            raise Refused("a last will of more than %d bytes" % MAX_WILL)

    def answered(self, rc):
        """False where there is no will any more."""
        now, self.next = self.next, None
        if now is None or now[0] != rc: return True
        if now[1] is None: return False
        self.head = now[1]
        if now[2].steps: self.parts.insert(0, now[2])
        return True

    def carry_out(self, agent, why):
        if not self.parts: return
        record = Record(self.path, self.note)
        record.line("begins: " + why)
        try:
            for steps in [self.head] + self.parts:
                if not steps.follow(agent, record): return record.line("ends: stopped")
            record.line("ends: done")
        except (Refused, struct.error, OSError, IOError) as e: record.line("ends: failed, %s" % e)


class Record(object):
    """A file of our own with a note in its first line, and then a line for each thing that is done. What cannot be written is lost."""
    def __init__(self, path, note):
        self.path, self.size = path, 0
        try:
            trusted(os.path.dirname(path), True)
            remove(path)
            self.add(note + b"\n")
        except (OSError, IOError): pass

    def add(self, data):
        self.size += len(data)
        if self.size > MAX_RECORD: return
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally: os.close(fd)

    def line(self, text):
        try: self.add(("%s %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text)).encode("utf-8", "replace"))
        except (OSError, IOError): pass


class Lock(object):
    """The lock of a folder, as core/files/lock.ts has it: who wants it listens on a socket and looks who was there before."""
    NAME = re.compile(r"lock\.\d{13}\.(\d+)\.[0-9a-f]{16}\Z")

    def __init__(self, folder):
        token = lambda n: binascii.hexlify(os.urandom(n)).decode()
        # The path of a socket has room for 107 bytes.
        self.handle = os.open(folder, os.O_RDONLY)
        self.folder = "/proc/self/fd/%d" % self.handle
        self.name = "lock.%013d.%d.%s" % (time.time() * 1000, os.getpid(), token(8))
        self.path = os.path.join(self.folder, self.name)
        self.state, self.since, self.callers = "looks", None, []
        self.server = socket.socket(socket.AF_UNIX)
        draft = "%s.%s.new" % (self.path, token(6))
        self.server.bind(draft)
        self.server.listen(64)
        os.rename(draft, self.path)

    def answer(self):
        """Says to one that asks how things stand; it stays connected until the lock is given back."""
        caller, _ = self.server.accept()
        try: space = os.readlink("/proc/self/ns/pid")
        except OSError: space = ""
        since = '"%s"' % self.since if self.since else "null"
        text = '{"state":"%s","process":%d,"space":"%s","since":%s}\n' % (self.state, os.getpid(), space, since)
        try: caller.send(text.encode())
        except (OSError, IOError): pass
        self.callers = [c for c in self.callers if not select.select([c], [], [], 0)[0]] + [caller]

    def meet(self, name):
        """Connected to one; None where nobody lives there any more."""
        path = os.path.join(self.folder, name)
        for _ in range(100):
            other = socket.socket(socket.AF_UNIX)
            try:
                other.connect(path)
                return other
            except (OSError, IOError) as e:
                other.close()
                if e.errno in (errno.ECONNREFUSED, errno.ENOENT):
                    remove(path)
                    return None
                time.sleep(0.01)
        raise OSError(errno.EBUSY, "no answer")

    def hear(self, other, deadline, end):
        """What another one says, up to a line's end or (`end`) until it is gone; None when time is over. Others are answered meanwhile."""
        text = b""
        while end or b"\n" not in text:
            left = max(deadline - clock(), 0)
            ready = select.select([other, self.server], [], [], left)[0]
            if not ready: return None
            if self.server in ready: self.answer()
            if other not in ready: continue
            try: data = other.recv(4096)
            except (OSError, IOError): data = b""
            if not data: break
            text += data
        return text

    def blocking(self, waiting, deadline):
        names = sorted(n for n in os.listdir(self.folder) if self.NAME.match(n))
        for name in reversed([n for n in names if n < self.name]):
            other = self.meet(name)
            if other: return other
        for name in [n for n in names if n > self.name and n not in waiting]:
            while True:
                other = self.meet(name)
                if other is None: break
                text = self.hear(other, max(deadline, clock() + 0.5), False)
                if text is None or b'"holds"' in text: return other
                other.close()
                if b'"waits"' in text: break
                time.sleep(0.002)
            waiting.add(name)
        return None

    def take(self, patience):
        """None, or what the one that has it says of itself."""
        deadline, waiting = clock() + patience, set()
        while True:
            self.state = "looks"
            other = self.blocking(waiting, deadline)
            if other is None:
                self.state, self.since = "holds", time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
                return None
            self.state = "waits"
            gone = self.hear(other, deadline, True)
            other.close()
            if gone is None: return self.holder()

    def holder(self):
        for name in os.listdir(self.folder):
            other = self.meet(name) if self.NAME.match(name) and name != self.name else None
            text = self.hear(other, clock() + 0.5, False) if other else None
            if other: other.close()
            if text and b'"holds"' in text: return text
        return b""

    def release(self):
        remove(self.path)
        os.close(self.handle)
        self.server.close()
        for caller in self.callers: caller.close()


def remove(path):
    try: os.unlink(path)
    except OSError: pass


def contents(path):
    """Of a small file of our own; None where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try: return read_all(fd, MAX_RECORD)
        finally: os.close(fd)
    except (OSError, IOError): return None


def allowed(kind, path):
    if not re.match(b"(" + ALLOWED[kind] + br")\Z", path) or b".." in path.split(b"/"):
        raise Refused("%s of %r is not allowed" % (kind, path))
    return path


def trusted(folder, make):
    """A folder that only root or this user could have put something into, reached without a link."""
    if make and not os.path.isdir(folder):
        mask = os.umask(0o077)
        try: os.makedirs(folder)
        except OSError as e:
            if e.errno != errno.EEXIST: raise
        finally: os.umask(mask)
    s = os.lstat(folder)
    if not stat.S_ISDIR(s.st_mode): raise OSError(errno.ENOTDIR, "no folder")
    own(s)
    if os.path.realpath(folder) != folder: raise OSError(errno.ELOOP, "reached by a link")


def own(s):
    if s.st_uid not in (0, os.geteuid()) or s.st_mode & 0o022: raise OSError(errno.EPERM, "not our own")


def flush(folder):
    fd = os.open(folder, os.O_RDONLY)
    try: os.fsync(fd)
    finally: os.close(fd)


def write_all(fd, data):
    left = memoryview(data)
    while len(left): left = left[os.write(fd, left):]


def read_all(fd, most):
    parts = []
    while most > 0:
        part = os.read(fd, min(most, 1 << 16))
        if not part: break
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


class Agent(object):
    def __init__(self, device, root, front):
        self.device, self.root, self.front = device, root, front
        self.given, self.locks = 0, {}
        # What is done without being asked; when, and while which file is there, where it is not at once.
        self.will, self.stays = None, None

    # Requests.

    def source(self, body):
        return None

    def hypercall(self, body):
        at = [1]
        def take(form):
            values = struct.unpack_from("<" + form, body, at[0])
            at[0] += struct.calcsize("<" + form)
            return values
        sends = []
        for _ in range(take("I")[0]):
            address, length = take("QI")
            sends.append((address, body[at[0]:at[0] + length]))
            at[0] += length
        receives = [take("QI") for _ in range(take("I")[0])]
        op, first, second = take("IQQ")
        where, value, ms = take("QiI")
        end, pause, turn = clock() + ms / 1000.0, 0.0005, 0
        while True:
            for address, length in receives: self.device.write(address, b"\0" * length)
            for address, data in sends: self.device.write(address, data)
            self.permit(op, first)
            rc = self.device.call(op, first, second)
            turn += 1
            if turn == 1 and self.will and not self.will.answered(rc): self.will = None
            if not where or rc < 0 or struct.unpack("<i", self.device.read(where, 4))[0] != value: break
            if clock() > end: break
            if turn < 4: continue
            time.sleep(pause)
            pause = min(2 * pause, 0.01)
        out = [struct.pack("<q", rc)]
        for address, length in receives:
            data = self.device.read(address, length).rstrip(b"\0")
            out += [struct.pack("<I", len(data)), data]
        return b"".join(out)

    def permit(self, op, first):
        if op == XEN_VERSION: return
        if op != SYSCTL: raise Refused("hypercall %d is not allowed" % op)
        struct_ = self.device.read(first, 136)
        command = struct.unpack_from("<I", struct_)[0]
        if command in (PHYSINFO, LIVEPATCH): return
        # Its first byte would clear the console.
        if command == READCONSOLE and struct_[8:9] == b"\0": return
        if command == DEBUG_KEYS:
            keys, count = struct.unpack_from("<QI", struct_, 8)
            if count == 1 and self.device.read(keys, 1) == b"x": return
        raise Refused("sysctl %d is not allowed as it was asked for" % command)

    def allocate(self, body):
        size, = struct.unpack_from("<I", body, 1)
        size = (size + 4095) // 4096 * 4096
        if self.given + size > MAX_MEMORY: return struct.pack("<iQ", errno.ENOMEM, 0)
        try: address = self.device.allocate(size)
        except (OSError, IOError, ValueError, mmap.error) as e:
            return struct.pack("<iQ", getattr(e, "errno", None) or errno.ENOMEM, 0)
        self.given += size
        return struct.pack("<iQ", 0, address)

    def read(self, body):
        offset, most = struct.unpack_from("<II", body, 1)
        fd = os.open(self.root + allowed("read", body[9:]), os.O_RDONLY | os.O_NONBLOCK)
        try:
            s = os.fstat(fd)
            if not stat.S_ISREG(s.st_mode): raise OSError(errno.EINVAL, "no file")
            if offset: os.lseek(fd, offset, os.SEEK_SET)
            return struct.pack("<iQ", 0, s.st_size) + read_all(fd, min(most, MAX_FRAME - 64))
        finally: os.close(fd)

    def names(self, body):
        names = os.listdir(self.root + allowed("list", body[1:]))
        return struct.pack("<i", 0) + b"".join(name + b"\0" for name in names)

    def read_own(self, body):
        path = self.root + allowed("kept", body[1:])
        trusted(os.path.dirname(path), False)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            s = os.fstat(fd)
            if not stat.S_ISREG(s.st_mode): raise OSError(errno.EINVAL, "no file")
            own(s)
            if s.st_size > MAX_FRAME - 64: raise OSError(errno.EFBIG, "too large")
            return struct.pack("<i", 0) + read_all(fd, MAX_FRAME - 64)
        finally: os.close(fd)

    def path_and_data(self, body):
        n, = struct.unpack_from("<I", body, 1)
        path = self.root + allowed("ours", body[5:5 + n])
        trusted(os.path.dirname(path), True)
        return path, body[5 + n:]

    def write(self, body):
        path, data = self.path_and_data(body)
        draft = path + b"." + binascii.hexlify(os.urandom(6)) + b".new"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            try:
                write_all(fd, data)
                os.fsync(fd)
            finally: os.close(fd)
            os.rename(draft, path)
        except (OSError, IOError):
            remove(draft)
            raise
        flush(os.path.dirname(path))
        return struct.pack("<i", 0)

    def append(self, body):
        path, data = self.path_and_data(body)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            own(os.fstat(fd))
            write_all(fd, data)
            os.fsync(fd)
        finally: os.close(fd)
        flush(os.path.dirname(path))
        return struct.pack("<i", 0)

    def delete(self, body):
        path = self.root + allowed("ours", body[1:])
        trusted(os.path.dirname(path), False)
        if stat.S_ISDIR(os.lstat(path).st_mode): os.rmdir(path)
        else: os.unlink(path)
        flush(os.path.dirname(path))
        return struct.pack("<i", 0)

    def take_lock(self, body):
        ms, = struct.unpack_from("<I", body, 1)
        folder = self.root + allowed("ours", body[5:])
        if folder in self.locks: raise OSError(errno.EBUSY, "it is held already")
        trusted(folder, True)
        lock = Lock(folder)
        holder = lock.take(ms / 1000.0)
        if holder is None:
            self.locks[folder] = lock
            return struct.pack("<i", 0)
        lock.release()
        return struct.pack("<i", errno.EBUSY) + holder

    def release_lock(self, body):
        lock = self.locks.pop(self.root + body[1:], None)
        if lock: lock.release()
        return b""

    def release_all(self):
        for lock in self.locks.values(): lock.release()

    # The last will.

    def begin_will(self, body):
        ms, n = struct.unpack_from("<II", body, 1)
        path = self.root + allowed("ours", body[9:9 + n])
        if self.stays: raise OSError(errno.EBUSY, "there is one")
        # What was done before is known by now, and is not to be taken for this one's.
        if os.path.lexists(path):
            trusted(os.path.dirname(path), False)
            remove(path)
        self.will = Will(path, body[9 + n:], ms / 1000.0 or SILENCE)
        return struct.pack("<i", 0)

    def change_will(self, body):
        result, = struct.unpack_from("<q", body, 1)
        if self.will: self.will.change(result, body[9:])
        return None

    def drop_will(self, body):
        self.will = self.stays = None
        return struct.pack("<i", 0)

    def stay(self, body):
        ms, n = struct.unpack_from("<II", body, 1)
        path, changes = self.root + allowed("ours", body[9:9 + n]), self.root + allowed("ours", body[9 + n:])
        folder = os.path.dirname(path)
        if not self.will: raise OSError(errno.EINVAL, "nothing to do")
        if folder not in self.locks:
            trusted(folder, False)
            lock = Lock(folder)
            if lock.take(0) is not None:
                lock.release()
                raise OSError(errno.EEXIST, "another one stays here")
            self.locks[folder] = lock
        self.stays = (clock() + ms / 1000.0, path, folder, changes)
        return struct.pack("<i", 0)

    def alone(self, why):
        """What is still to be done when nobody is at the other end."""
        if self.stays and self.will: self.wait_alone()
        elif self.will: self.will.carry_out(self, why)

    def wait_alone(self):
        until, path, folder, changes = self.stays
        left = contents(path)
        if left is None: return
        # A machine that shuts down may end it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2): os.dup2(nowhere, fd)
        os.chdir("/")
        for other in [f for f in self.locks if f != folder]: self.locks.pop(other).release()
        # Whoever waits for the one in front goes on.
        self.front.send(b"1")
        while contents(path) == left:
            self.listen([], min(until, clock() + LOOK))
            if clock() < until: continue
            # Whoever has the lock decides. Who is in the middle of something is waited for.
            lock = Lock(changes)
            if lock.take(PATIENCE) is None and contents(path) == left:
                remove(path)
                self.will.carry_out(self, "time is over")
            lock.release()

    def nothing(self, body):
        return b""

    REQUESTS = {b"#": source, b"H": hypercall, b"A": allocate, b"F": read, b"D": names, b"O": read_own, b"W": write,
                b"P": append, b"X": delete, b"K": take_lock, b"U": release_lock, b"N": nothing,
                b"V": begin_will, b"L": change_will, b"C": drop_will, b"S": stay}
    # Those whose answer begins with an errno.
    FILES = b"FDOWPXKVS"

    def serve(self, body):
        kind = body[0:1]
        if kind not in self.REQUESTS: raise Refused("request %r is unknown" % kind)
        try: return self.REQUESTS[kind](self, body)
        except (OSError, IOError) as e:
            if kind not in self.FILES: raise
            return struct.pack("<i", number(e)) + (b"\0" * 8 if kind == b"F" else b"")

    # The connection.

    def exactly(self, n):
        parts = []
        while n:
            self.wait()
            try: part = os.read(0, min(n, 1 << 20))
            except OSError as e:
                if e.errno == errno.EINTR: continue
                raise
            if not part: raise Gone("the connection ended")
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    def wait(self):
        """Until something comes."""
        silence = self.will.silence if self.will else SILENCE
        ready = self.listen([0, self.front], clock() + silence)
        if not ready: raise Gone("nothing was heard for %g s" % silence)
        if self.front in ready: raise Gone("the process in front of it ended")

    def listen(self, inputs, end):
        """Where something comes, as soon as it does; those who ask for a lock are answered meanwhile."""
        while True:
            servers = dict((lock.server, lock) for lock in self.locks.values())
            try: ready = select.select(inputs + list(servers), [], [], max(end - clock(), 0))[0]
            except (OSError, IOError, select.error) as e:
                if e.args[0] == errno.EINTR: continue
                raise
            came = [one for one in ready if one in inputs]
            if came or not ready: return came
            for server in ready: servers[server].answer()

    def send(self, body):
        write_all(1, struct.pack("<I", len(body)) + body)

    def hello(self, failed):
        address = 0
        if not failed:
            self.given = FIRST_MEMORY
            address = self.device.allocate(FIRST_MEMORY)
        texts = ["python %d.%d" % sys.version_info[:2], os.uname()[1], failed.filename if failed and failed.filename else ""]
        os.write(1, ("XSPLICE-AGENT %d\n" % PROTOCOL).encode())
        self.send(struct.pack("<iQII", number(failed) if failed else 0, address, self.given, os.geteuid())
                  + b"".join(str(text).encode("utf-8", "replace") + b"\0" for text in texts))

    def run(self):
        """Serves until the other side says that it is done, or is gone, and does what was left to it. Exit status."""
        status, why = 0, "the connection ended"
        try:
            while True:
                n, = struct.unpack("<I", self.exactly(4))
                if n == 0:
                    self.will = self.stays and self.will
                    break
                if n > MAX_FRAME: raise Refused("a request of %d bytes" % n)
                answer = self.serve(self.exactly(n))
                if answer is not None: self.send(answer)
        except Gone as e: why = str(e)
        except (OSError, IOError): pass
        except (Refused, struct.error) as e:
            why = "a request made no sense"
            try: os.write(2, ("xsplice-agent: %s\n" % e).encode("utf-8", "replace"))
            except (OSError, IOError): pass
            status = 70
        self.alone(why)
        return status


def own_process():
    """What follows is done by a process with a session of its own; the one in front waits for its end, or for a byte. Returns the
    socket between them, which tells either that the other one ended."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        os.setsid()
        for one in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE): signal.signal(one, signal.SIG_IGN)
        return theirs
    theirs.close()
    while True:
        try:
            if ours.recv(1): os._exit(0)
            status = os.waitpid(child, 0)[1]
            os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
        except (OSError, IOError, socket.error) as e:
            if e.errno != errno.EINTR: os._exit(70)


def main(open_device=Privcmd, root=b"", kind=Agent):
    front = own_process()
    device, failed = None, None
    try: device = open_device()
    except (OSError, IOError) as e: failed = e
    agent = kind(device, root, front)
    agent.hello(failed)
    status = agent.run()
    agent.release_all()
    # Memory is pinned by its address: an orderly end would stumble over that.
    os._exit(status)


if __name__ == "__main__":
    main()
