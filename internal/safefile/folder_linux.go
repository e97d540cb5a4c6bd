package safefile

import "golang.org/x/sys/unix"

// searchFolder opens a folder to find names in it, which needs no permission
// to list it.
const searchFolder = unix.O_PATH

// kernelFileSystems hold no files of users, whatever the permission bits tell
// root. The numbers without a name are from linux/magic.h and the file
// systems' own sources.
var kernelFileSystems = map[uint32]string{
	unix.BINDERFS_SUPER_MAGIC: "binder",
	unix.BINFMTFS_MAGIC:       "binfmt_misc",
	unix.BPF_FS_MAGIC:         "bpf",
	unix.CGROUP_SUPER_MAGIC:   "cgroup",
	unix.CGROUP2_SUPER_MAGIC:  "cgroup2",
	unix.DEBUGFS_MAGIC:        "debugfs",
	unix.DEVPTS_SUPER_MAGIC:   "devpts",
	unix.EFIVARFS_MAGIC:       "efivarfs",
	unix.HUGETLBFS_MAGIC:      "hugetlbfs",
	unix.NSFS_MAGIC:           "nsfs",
	unix.OPENPROM_SUPER_MAGIC: "openprom",
	unix.PROC_SUPER_MAGIC:     "proc",
	unix.PSTOREFS_MAGIC:       "pstore",
	unix.RDTGROUP_SUPER_MAGIC: "resctrl",
	unix.SECURITYFS_MAGIC:     "securityfs",
	unix.SELINUX_MAGIC:        "selinux",
	unix.SMACK_MAGIC:          "smack",
	unix.SYSFS_MAGIC:          "sysfs",
	unix.TRACEFS_MAGIC:        "tracefs",
	0x19800202:                "mqueue",
	0x62656570:                "configfs",
	0x65735543:                "fusectl",
}

// kernelFileSystem names the kernel's own file system that the folder is on;
// "" for any other.
func kernelFileSystem(folder int) string {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(folder, &st) }); err != nil {
		return ""
	}
	return kernelFileSystems[uint32(st.Type)]
}
