package migrations_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sys/unix"

	"github.com/streamflow/streamflow/migrations"
)

// Both ends of a role's connections give up on one that went silent, within half a minute.
func TestSilentConnectionsEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var config *pgxpool.Config
	pool, err := migrations.Role(t.Context(), "postgres://nobody@"+listener.Addr().String()+"/none", "app", func(c *pgxpool.Config) { config = c })
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn, err := config.ConnConfig.DialFunc(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	option := func(level, name int) (value int) {
		if e := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, name) }); e != nil || err != nil {
			t.Fatal(e, err)
		}
		return value
	}
	if ms := option(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); ms == 0 || ms > 30_000 {
		t.Errorf("what nobody acknowledges is sent again for %d ms", ms)
	}
	idle, every, count := option(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), option(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL), option(unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
	if option(unix.SOL_SOCKET, unix.SO_KEEPALIVE) == 0 || idle+every*count > 30 {
		t.Errorf("an idle connection is asked after %d s, every %d s, %d times", idle, every, count)
	}
	for _, name := range []string{"tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"} {
		if config.ConnConfig.RuntimeParams[name] == "" {
			t.Errorf("the server is not asked for %s", name)
		}
	}
}
