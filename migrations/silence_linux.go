package migrations

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limitSilence makes the operating system give a connection up whose data nobody acknowledges; it would send again for a quarter of an hour.
func limitSilence(network, _ string, raw syscall.RawConn) (err error) {
	if network != "tcp4" && network != "tcp6" {
		return nil
	}
	if e := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence/time.Millisecond))
	}); e != nil {
		return e
	}
	return err
}
