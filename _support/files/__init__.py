"""Files and folders that several processes may want: what dead ones left behind, and who holds a folder now."""
