package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// ownerRole owns the test databases on every kind of server. It is not named as the product's role is, so that
// nothing comes to rely on that name.
const ownerRole = "streamflow_test"

// source is the server that the tests of this process share.
type source struct {
	admin           url.URL       // a login that may create roles and databases
	owner           *url.Userinfo // the login of the databases' owner
	close           func()
	outlivesProcess bool // somebody else's server: what a test leaves there stays
	prefix          string

	mu        sync.Mutex
	count     int
	templates map[string]*template
}

var (
	openOnce sync.Once
	opened   *source
	openErr  error
)

// shared finds and starts the server at its first call.
func shared() (*source, error) {
	openOnce.Do(func() { opened, openErr = open() })
	return opened, openErr
}

func closeShared() {
	openOnce.Do(func() { openErr = errors.New("the tests have ended") })
	if opened != nil {
		opened.close()
	}
}

func open() (*source, error) {
	s, what, err := find()
	if err != nil {
		return nil, err
	}
	s.prefix = fmt.Sprintf("%s%d_%s_", namePrefix, time.Now().Unix(), strings.ToLower(rand.Text()[:8]))
	s.templates = map[string]*template{}
	ctx, cancel := context.WithTimeout(context.Background(), prepareLimit)
	defer cancel()
	version, err := s.setUp(ctx)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("set up %s: %w", what, err)
	}
	say("using Postgres %s: %s", version, what)
	return s, nil
}

// find tries the kinds of server in their order and describes the one it found.
func find() (*source, string, error) {
	if address := os.Getenv("STREAMFLOW_TEST_DATABASE_URL"); address != "" {
		admin, err := url.Parse(address)
		if err != nil || !strings.HasPrefix(admin.Scheme, "postgres") {
			return nil, "", errors.New("STREAMFLOW_TEST_DATABASE_URL is no postgres:// address")
		}
		s := &source{admin: *admin, outlivesProcess: true}
		s.close = s.dropTemplates
		return s, "STREAMFLOW_TEST_DATABASE_URL", nil
	}
	s, what, err := startContainer()
	if err == nil {
		return s, what, nil
	}
	if image := os.Getenv(imageVariable); image != "" { // another version's green is no answer to who asks for one
		return nil, "", fmt.Errorf("%s asks for %s: %w", imageVariable, image, err)
	}
	if !errors.Is(err, errNoEngine) {
		say("Docker answers, but the container does not start, so the installed Postgres is tried: %v", err)
	}
	return startLocal()
}

// setUp creates the owner's role and returns the server's version. A login that is no superuser owns the databases
// itself, because it could not give them to another role in every version.
func (s *source) setUp(ctx context.Context) (version string, err error) {
	conn, err := pgx.Connect(ctx, s.admin.String())
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var super bool
	err = conn.QueryRow(ctx, "select rolsuper, current_setting('server_version') from pg_roles where rolname = current_user").
		Scan(&super, &version)
	if err != nil {
		return "", err
	}
	if s.outlivesProcess {
		if err := sweep(ctx, conn); err != nil {
			return "", err
		}
	}
	if !super {
		s.owner = s.admin.User
		return version, nil
	}
	// Every test process that shares a server must arrive at the same password; who can derive it knows the address of
	// the administrator already.
	sum := sha256.Sum256([]byte("test role of " + s.admin.String()))
	password := hex.EncodeToString(sum[:])
	s.owner = url.UserPassword(ownerRole, password)
	_, err = conn.Exec(ctx, fmt.Sprintf(`do $$ begin
		perform pg_advisory_xact_lock(hashtext('%[1]s')); -- other test processes do the same
		if not exists (select from pg_roles where rolname = '%[1]s') then
			create role %[1]s login createrole nosuperuser password '%[2]s';
		else
			alter role %[1]s password '%[2]s';
		end if;
	end $$`, ownerRole, password))
	return version, err
}

func (s *source) ownerURL(database string) string {
	address := s.admin
	address.User, address.Path = s.owner, "/"+database
	return address.String()
}

// withDatabaseOf returns the address admin for the database that another address names.
func withDatabaseOf(admin url.URL, other string) (string, error) {
	parsed, err := url.Parse(other)
	if err != nil {
		return "", errors.New("that is no address of a database")
	}
	admin.Path = parsed.Path
	return admin.String(), nil
}
