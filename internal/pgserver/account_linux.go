package pgserver

import "syscall"

// namespaceSupported says that this system knows user namespaces; whether they are allowed is found out by trying.
const namespaceSupported = true

// insideID is the user and group id that Postgres sees inside the namespace: nobody's, because initdb looks its own
// name up in /etc/passwd.
const insideID = 65534

func setDeathSignal(attr *syscall.SysProcAttr, signal syscall.Signal) {
	attr.Pdeathsig = signal
}

func setNamespace(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: insideID, HostID: 0, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: insideID, HostID: 0, Size: 1}}
}
