package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// superuser is the role that initdb creates. The program itself never uses it but to create its own role.
const superuser = "postgres"

// dataMajor reads which major version made a data folder; 0 means that there is none yet.
func dataMajor(dataDir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if err == nil {
		return strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	entries, err := os.ReadDir(dataDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if len(entries) > 0 {
		return 0, fmt.Errorf("%s holds files but no PG_VERSION: it is no Postgres data folder, or a damaged one", dataDir)
	}
	return 0, nil
}

func (s *Server) checkVersion(context.Context) error {
	made, err := dataMajor(s.dataDir())
	if err != nil {
		return err
	}
	if made != 0 && made != s.cfg.Bin.Major {
		return fmt.Errorf("%w: %s is Postgres %d's, but %s is Postgres %d; set STREAMFLOW_POSTGRES_BIN to a Postgres %d, "+
			"or move the data with pg_dump and pg_restore (nothing was changed)",
			ErrVersion, s.dataDir(), made, s.cfg.Bin.Dir, s.cfg.Bin.Major, made)
	}
	return nil
}

// initialize creates the data folder unless it exists. It is made under another name and renamed when complete, so
// that an interrupted attempt is never taken for data.
func (s *Server) initialize(ctx context.Context) error {
	if made, err := dataMajor(s.dataDir()); err != nil || made != 0 {
		return err
	}
	torn := filepath.Join(s.cfg.Dir, tornName)
	if err := os.RemoveAll(torn); err != nil {
		return fmt.Errorf("remove an interrupted attempt: %w", err)
	}
	if err := s.account.makeDir(torn); err != nil {
		return err
	}
	if err := s.run(ctx, "initdb", s.initdbArguments(torn)...); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	if err := os.Rename(torn, s.dataDir()); err != nil {
		return err
	}
	return syncDir(s.cfg.Dir)
}

func (s *Server) initdbArguments(dir string) []string {
	args := []string{
		"-D", dir, "-U", superuser, "-E", "UTF8", "--no-instructions",
		"--auth-local=trust", "--auth-host=reject", // see the package comment
		"--data-checksums", // a page that rots is an error, not an answer
	}
	// Order by code point in every version and on every system: a collation that changes with the system's libraries
	// silently corrupts indexes.
	switch {
	case s.cfg.Bin.Major >= 17:
		args = append(args, "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
	case runtime.GOOS == "darwin": // has no C.UTF-8
		args = append(args, "--locale=C", "--lc-ctype=UTF-8")
	default:
		args = append(args, "--locale=C.UTF-8", "--lc-collate=C")
	}
	if s.cfg.Unsafe {
		args = append(args, "--no-sync")
	}
	return args
}

// syncDir makes a rename in dir survive a machine's crash.
func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
