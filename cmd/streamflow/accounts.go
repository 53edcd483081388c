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

	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/commands"
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
		Tenant: eventstore.ProviderSpace, ID: guard.CommandID(eventstore.ProviderSpace, "system", key), Fingerprint: []byte(key), Correlation: "serve",
		Actor: eventstore.Actor{Kind: "system", ID: "serve", Via: "cli"},
	}
}

// makeAccounts makes the provider's staff once, with random passwords, on the embedded default. They stay in accounts.json:
// whoever starts the program must be able to sign in.
func (n *node) makeAccounts(ctx context.Context, use *commands.Commands, out io.Writer) error {
	if n.config.databaseURL != "" {
		return nil // an external database belongs to somebody: no accounts are invented there
	}
	path := filepath.Join(n.config.data, "accounts.json")
	var accounts []account
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, &accounts); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	case errors.Is(err, os.ErrNotExist):
		for _, portal := range []string{user.PortalProvider, user.PortalDeveloper, user.PortalAccountant} {
			accounts = append(accounts, account{Portal: portal, Email: portal + "@streamflow.example", Password: rand.Text()})
		}
		raw, err := json.MarshalIndent(accounts, "", "  ") //nolint:gosec // this file is where the made-up passwords are kept, mode 0600
		if err != nil {
			return err
		}
		// Written first: an account whose password nobody knows could never be used, nor made again.
		if err := os.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
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
