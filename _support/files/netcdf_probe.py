"""Read everything in an HDF5 file, in a process that can be ended: `python netcdf_probe.py FILE LIMIT SECONDS`.

A damaged file can make the HDF5 library loop for ever or crash. Here it does so alone.
"""

import math
import resource
import sys


def read_all(path: str, limit: int) -> None:
    """Read every attribute and array; what would be refused anyway (links, other files, above `limit` bytes) is not."""
    import h5py

    resource.setrlimit(resource.RLIMIT_AS, (limit + 2**31, limit + 2**31))
    with h5py.File(path, "r") as file:
        waiting: list = [file["/"]]
        seen, total = set(), 0
        while waiting:
            group = waiting.pop()
            dict(group.attrs)
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    return
                item = group[name]
                if item.id in seen:
                    continue
                seen.add(item.id)
                dict(item.attrs)
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                elif isinstance(item, h5py.Dataset):
                    total += math.prod(item.shape or ()) * item.dtype.itemsize
                    if item.is_virtual or item.external or total > limit:
                        return
                    item[()]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]), int(sys.argv[3]) + 1))
    read_all(sys.argv[1], int(sys.argv[2]))
