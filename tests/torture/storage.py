"""What a box's data lie on: file systems that run full, and images that can be copied as a power cut would leave them. Both
need root."""

import os
import subprocess

OUTER_MIB, INNER_MIB = 2048, 1024


def run(*command):
    subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)


def why_no_mounts(scratch):
    """Why file systems cannot be mounted here; empty if they can."""
    if os.geteuid() != 0:
        return "only root may mount file systems"
    image, directory = scratch / "probe.img", scratch / "probe"
    directory.mkdir()
    try:
        make_image(image, 8)
        run("mount", "-o", "loop", image, directory)
        run("umount", directory)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"an image cannot be mounted: {getattr(error, 'stderr', None) or error}".strip()
    finally:
        image.unlink(missing_ok=True)
        directory.rmdir()
    return ""


def make_image(path, mib):
    with open(path, "wb") as image:
        image.truncate(mib << 20)
    run("mkfs.ext4", "-q", "-F", path)


class SmallDisk:
    """A file system in memory at a directory, which is made. Full from fill() to free()."""

    def __init__(self, directory, mib):
        self.directory = directory
        directory.mkdir(parents=True)
        run("mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", directory)
        self._filler = directory / "filler"

    def fill(self):
        """Takes all that is left."""
        with open(self._filler, "ab", buffering=0) as filler:
            block = bytes(1 << 20)
            try:
                while filler.write(block) == len(block):
                    pass
                while filler.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                pass  # full

    def free(self):
        self._filler.unlink(missing_ok=True)

    def close(self):
        run("umount", "--lazy", self.directory)


class PowerImage:
    """An ext4 at a directory, in an image, of which copy() makes a copy as a power cut would leave it.

    The image is a file in an outer ext4. Freezing that one stops what the inner one writes, between two of its writes, and
    flushes nothing of it: what the inner kernel pages hold is not in the copy. So the copy is a disk that has all that was
    written to it up to one moment, in the order in which it was written.
    """

    def __init__(self, directory, scratch):
        self._directory, self._scratch = directory, scratch
        self._outer = scratch / "outer"
        self._mounted = []
        directory.mkdir(parents=True)
        self._outer.mkdir()
        try:
            self._mount(scratch / "outer.img", OUTER_MIB, self._outer)
            self._mount(self._outer / "inner.img", INNER_MIB, directory)
        except BaseException:
            self.close()
            raise

    def _mount(self, image, mib, directory):
        make_image(image, mib)
        run("mount", "-o", "loop", image, directory)
        self._mounted.append(directory)

    def copy(self):
        """Returns the path of the copy, which belongs to the caller."""
        copy = self._scratch / "cut.img"
        run("fsfreeze", "--freeze", self._outer)
        try:
            run("cp", "--sparse=always", self._outer / "inner.img", copy)
        finally:
            run("fsfreeze", "--unfreeze", self._outer)
        return copy

    def close(self):
        while self._mounted:
            run("umount", "--lazy", self._mounted.pop())
