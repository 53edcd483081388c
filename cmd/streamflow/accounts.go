package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// account is a sign-in that this program made up.
type account struct {
	Portal   string `json:"portal"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// asSystem is this program itself as the caller of a command; the same key is the same command at every start.
func asSystem(key string) commands.Caller {
	return commands.Caller{
		Tenant: eventstore.ProviderSpace, ID: eventstore.CommandID(eventstore.ProviderSpace, "system", key), Fingerprint: []byte(key), Correlation: "serve",
		Actor: eventstore.Actor{Kind: "system", ID: "serve", Via: "cli"},
	}
}

// staffPortals are those whose accounts a setting can name, in this order.
var staffPortals = []string{user.PortalProvider, user.PortalDeveloper, user.PortalAccountant}

// accountSetting is the name of a setting of a portal's account, of the part EMAIL or PASSWORD.
func accountSetting(portal, part string) string {
	return "STREAMFLOW_" + strings.ToUpper(portal) + "_" + part
}

// readAccounts reads the staff accounts of the environment.
func readAccounts(env map[string]string) ([]account, error) {
	var accounts []account
	of := map[string]string{}
	for _, portal := range staffPortals {
		a := account{Portal: portal, Email: domain.Email(env[accountSetting(portal, "EMAIL")]), Password: env[accountSetting(portal, "PASSWORD")]}
		if a.Email == "" && a.Password == "" {
			continue
		}
		email, secret := accountSetting(portal, "EMAIL"), accountSetting(portal, "PASSWORD")
		if a.Email == "" || a.Password == "" {
			return nil, usageError{email + " and " + secret + " go together: one of them is missing"}
		}
		if err := (user.Create{Email: a.Email, Name: portal, Role: portal}).Normalize().Validate(); err != nil {
			return nil, usageError{email + " is not an e-mail address"}
		}
		if utf8.RuneCountInString(a.Password) < password.MinLength || len(a.Password) > password.MaxLength {
			return nil, usageError{fmt.Sprintf("%s has to have %d characters at least, and %d bytes at most", secret, password.MinLength, password.MaxLength)}
		}
		if strings.EqualFold(a.Password, a.Email) {
			return nil, usageError{secret + " is the e-mail address: anybody would try that first"}
		}
		if other := of[a.Email]; other != "" {
			return nil, usageError{email + " is " + other + " too: an account belongs to one portal"}
		}
		of[a.Email] = email
		accounts = append(accounts, a)
	}
	return accounts, nil
}

// keepAccounts sees to it that the provider's staff can sign in: by the accounts of the environment or, where it names none and the database
// is the embedded one, by some that are made up.
func (n *node) keepAccounts(ctx context.Context, use *commands.Commands, out io.Writer) error {
	for _, portal := range staffPortals {
		i := slices.IndexFunc(n.config.accounts, func(a account) bool { return a.Portal == portal })
		var err error
		if i < 0 {
			err = endAccount(ctx, use, portal)
		} else {
			err = keepAccount(ctx, use, n.config.accounts[i], out)
		}
		if err != nil {
			return fmt.Errorf("account of the %s portal: %w", portal, err)
		}
	}
	switch {
	case len(n.config.accounts) > 0:
		return nil
	case n.config.databaseURL == "":
		return n.makeAccounts(ctx, use, out)
	}
	there, err := use.HasStaff(ctx)
	if err == nil && !there {
		err = fmt.Errorf("nobody could sign in: set %s and %s (likewise DEVELOPER and ACCOUNTANT); on an external database no accounts are made up",
			accountSetting(user.PortalProvider, "EMAIL"), accountSetting(user.PortalProvider, "PASSWORD"))
	}
	return err
}

// asEnvironment is the environment as the caller of a command. What it asks for follows from how things are, not from an earlier request.
func asEnvironment() commands.Caller {
	id := uuid.New()
	return commands.Caller{
		Tenant: eventstore.ProviderSpace, ID: id, Fingerprint: id[:], Correlation: "serve",
		Actor: eventstore.Actor{Kind: "system", ID: "environment", Via: "cli"},
	}
}

// keepAccount makes the account of a setting, or makes it follow the setting: the environment is how an operator gets in again. An
// account that the log has under that address for another reason comes first.
func keepAccount(ctx context.Context, use *commands.Commands, a account, out io.Writer) error {
	mine, err := use.UserOfSetting(ctx, a.Portal)
	known := err == nil
	if err != nil && !errors.Is(err, commands.ErrNotFound) {
		return err
	}
	other, err := use.UserByEmail(ctx, a.Email)
	if err != nil && !errors.Is(err, commands.ErrNotFound) {
		return err
	}
	if err == nil && other.ID != mine.ID {
		fmt.Fprintf(out, "%s names an account of the log, which comes first: its own password holds\n", accountSetting(a.Portal, "EMAIL"))
		return endAccount(ctx, use, a.Portal)
	}
	if !known {
		hash, err := password.New().Hash(ctx, a.Password)
		if err != nil {
			return err
		}
		return refused(use.CreateUser(ctx, asEnvironment(), commands.CreateUser{
			Create: user.Create{Email: a.Email, Name: a.Portal, Role: a.Portal, Portal: a.Portal}, PasswordHash: hash, Setting: a.Portal,
		}))
	}
	if mine.State.Status == user.StatusDeactivated {
		if err := refused(use.ReactivateUser(ctx, asEnvironment(), mine.ID)); err != nil {
			return err
		}
	}
	if err := refused(use.ChangeEmail(ctx, asEnvironment(), mine.ID, a.Email)); err != nil {
		return err
	}
	return keepPassword(ctx, use, mine.ID, a.Password)
}

func keepPassword(ctx context.Context, use *commands.Commands, id, wanted string) error {
	account, err := uuid.Parse(id)
	if err != nil {
		return err
	}
	stored, err := use.PasswordHash(ctx, account)
	if err != nil {
		return err
	}
	hasher := password.New()
	if same, _, err := hasher.Verify(ctx, stored, wanted); err != nil || same {
		return err
	}
	hash, err := hasher.Hash(ctx, wanted)
	if err != nil {
		return err
	}
	return refused(use.SetPassword(ctx, asEnvironment(), id, hash))
}

// endAccount shuts the account out that a setting made which is there no more.
func endAccount(ctx context.Context, use *commands.Commands, portal string) error {
	mine, err := use.UserOfSetting(ctx, portal)
	if errors.Is(err, commands.ErrNotFound) || err == nil && mine.State.Status == user.StatusDeactivated {
		return nil
	}
	if err != nil {
		return err
	}
	return refused(use.DeactivateUser(ctx, asEnvironment(), mine.ID))
}

// makeAccounts makes the provider's staff once, with random passwords. They stay in accounts.json: whoever starts the program must be
// able to sign in.
func (n *node) makeAccounts(ctx context.Context, use *commands.Commands, out io.Writer) error {
	path := filepath.Join(n.config.data, "accounts.json")
	var accounts []account
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, &accounts); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	case errors.Is(err, os.ErrNotExist):
		for _, portal := range staffPortals {
			accounts = append(accounts, account{Portal: portal, Email: portal + "@streamflow.example", Password: rand.Text()})
		}
		raw, err := json.MarshalIndent(accounts, "", "  ") //nolint:gosec // this file is where the made-up passwords are kept, mode 0600
		if err != nil {
			return err
		}
		// Written first: an account whose password nobody knows could never be used, nor made again.
		if err := keepFile(path, append(raw, '\n')); err != nil {
			return err
		}
	default:
		return err
	}
	for _, a := range accounts {
		if err := makeAccount(ctx, use, a); err != nil {
			return fmt.Errorf("account of the %s portal: %w", a.Portal, err)
		}
		fmt.Fprintf(out, "sign in to the %s portal as %s with %s\n", a.Portal, a.Email, a.Password)
	}
	return nil
}

func makeAccount(ctx context.Context, use *commands.Commands, a account) error {
	if _, err := use.UserByEmail(ctx, a.Email); !errors.Is(err, commands.ErrNotFound) {
		return err // it is there, or the log cannot be read
	}
	hash, err := password.New().Hash(ctx, a.Password)
	if err != nil {
		return err
	}
	out, err := use.CreateUser(ctx, asSystem("staff "+a.Email), commands.CreateUser{
		Create: user.Create{Email: a.Email, Name: a.Portal, Role: a.Portal, Portal: a.Portal}, PasswordHash: hash,
	})
	return refused(out, err)
}

// refused turns a rule's no into an error, for callers that have nobody else to tell it.
func refused(out eventstore.Outcome, err error) error {
	if err == nil && out.Verdict == eventstore.Refused {
		return fmt.Errorf("refused: %s %s", out.Code, out.Params)
	}
	return err
}
