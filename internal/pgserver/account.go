package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account says as whom Postgres runs. Postgres refuses to run as root, so root needs another way:
//
//   - a user namespace that shows our user id 0 to Postgres as an unprivileged one. The files stay root's and no
//     folder above them must be readable for others;
//   - where the kernel or a container forbids that, another account, to which the files are given.
//
// Any other user runs Postgres as itself: the zero value.
type account struct {
	namespace  bool
	credential *syscall.Credential
}

// attributes are the process attributes for a child that runs as this account and gets signal death when the
// program ends, however it ends (where the system can do that).
func (a account) attributes(death syscall.Signal) *syscall.SysProcAttr {
	// Its own process group: Ctrl-C must not reach Postgres before the program has drained.
	attr := &syscall.SysProcAttr{Setpgid: true, Credential: a.credential}
	setDeathSignal(attr, death)
	if a.namespace {
		setNamespace(attr)
	}
	return attr
}

// chooseAccount decides as whom to run. Existing data decides by its owner, because inside the namespace only
// root's files can be used; new data gets the namespace where it works.
func (s *Server) chooseAccount(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, exists := ownerOf(s.dataDir())
	if exists && uid != 0 {
		s.account = account{credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: []uint32{}}}
		return s.handOver(ctx)
	}
	namespace := account{namespace: true}
	if namespaceSupported && !s.cfg.noNamespace && namespace.probe(ctx, s.cfg.Bin) == nil {
		s.account = namespace
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err // the probe failed for that, which is no reason to give the files away
	}
	credential, name, err := unprivileged()
	if err != nil {
		return err
	}
	if name == "nobody" {
		s.log.WarnContext(ctx, "postgres runs as nobody, which other programs may share; an account named postgres would keep it apart")
	}
	s.account = account{credential: credential}
	return s.handOver(ctx)
}

// probe finds out whether a program can be run as this account at all.
func (a account) probe(ctx context.Context, bin Binaries) error {
	cmd := exec.CommandContext(ctx, bin.program("postgres"), "--version")
	cmd.SysProcAttr, cmd.Dir = a.attributes(syscall.SIGKILL), "/"
	return cmd.Run()
}

// unprivileged returns the account to run as when a namespace cannot be used. It must exist: initdb asks for its name.
func unprivileged() (*syscall.Credential, string, error) {
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			return nil, "", err
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			return nil, "", err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}, name, nil
	}
	return nil, "", errors.New("postgres cannot run as root and there is no account named postgres or nobody: run as another user")
}

// handOver gives Dir to the account. Root keeps its access to it in any case.
func (s *Server) handOver(ctx context.Context) error {
	if blocked := firstBlocked(s.cfg.Dir, s.account.credential.Uid); blocked != "" {
		return fmt.Errorf("postgres runs as user id %d, which may not enter %s: choose another data folder or allow it (chmod o+x %s)",
			s.account.credential.Uid, blocked, blocked)
	}
	if err := s.account.probe(ctx, s.cfg.Bin); err != nil {
		return fmt.Errorf("user id %d cannot run %s: %w", s.account.credential.Uid, s.cfg.Bin.program("postgres"), err)
	}
	if err := s.account.own(s.cfg.Dir); err != nil {
		return err
	}
	// Data that was made inside a namespace and is now used where none is allowed still belongs to root.
	return filepath.WalkDir(s.dataDir(), func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.account.own(path)
	})
}

// firstBlocked returns the first folder above dir that uid may not pass through.
func firstBlocked(dir string, uid uint32) string {
	blocked := ""
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 != 0 {
			continue
		}
		if owner, _, _ := ownerOf(dir); owner != uid {
			blocked = dir
		}
	}
	return blocked
}

func ownerOf(path string) (uid, gid uint32, exists bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return stat.Uid, stat.Gid, true
}

// own gives path to the account; without another account it has nothing to do.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Lchown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// makeDir makes a folder that only the account, and root, can enter.
func (a account) makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o700); err != nil { // it may have existed with another mode
		return err
	}
	return a.own(path)
}

// allocator tells glibc (mallopt(3)) to keep what a statement has freed for the next one. By default it gives all but 128 KiB
// back and asks again for each statement; every time the kernel makes all cores forget the pages and then faults them in anew,
// which was up to a third of the work of a backend that runs short statements, on two cores. A backend keeps at most 8 MiB more for it.
var allocator = []string{"MALLOC_TRIM_THRESHOLD_=8388608", "MALLOC_TOP_PAD_=1048576", "MALLOC_MMAP_THRESHOLD_=1048576"}

// environment is what Postgres' programs see. It leaves out the program's own, which may hold secrets, and with it
// the PG… and LC_… variables that would change their behaviour.
func environment() []string {
	env := append([]string{"LC_ALL=C", "TZ=UTC"}, allocator...)
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "TMPDIR"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// explain adds the remedy to messages of initdb that do not name it.
func explain(output string) string {
	if strings.Contains(output, "could not look up effective user ID") {
		return output + "\n(this user id has no entry in /etc/passwd; Postgres needs one)"
	}
	return output
}
