package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"

	"github.com/streamflow/streamflow/api"
	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/guard/rate"
)

// setting is an environment variable that the program reads.
type setting struct{ name, meaning string }

var settings = []setting{
	{"STREAMFLOW_ADDR", "address to listen on (127.0.0.1:8080)"},
	{"STREAMFLOW_PUBLIC_URL", "address that users see (http:// and STREAMFLOW_ADDR)"},
	{"STREAMFLOW_DATA", "folder of the embedded servers and secrets (./data)"},
	{"STREAMFLOW_DATABASE_URL", "Postgres to use (empty: an embedded one)"},
	{"STREAMFLOW_NATS_URL", "NATS to use (empty: an embedded one)"},
	{"STREAMFLOW_ROLES", "what this node does: api, relay, projector, reactor (all)"},
	{"STREAMFLOW_LANES", "ordered ledgers, fixed at the first start (1)"},
	{"STREAMFLOW_MASTER_KEY", "32 bytes in base64 (embedded default: made once)"},
	{"STREAMFLOW_POSTGRES_BIN", "folder of the Postgres programs"},
	{"STREAMFLOW_FEDERATION", "off answers 404 on the routes of partners (on)"},
	{"STREAMFLOW_RATE_AUTH", "sign-ins and refused signatures, per address; off switches it off, as the others (20/10s)"},
	{"STREAMFLOW_RATE_API", "requests per user (1200/1m)"},
	{"STREAMFLOW_RATE_FEDERATION", "signed requests per key (6000/1m)"},
	{"STREAMFLOW_RATE_ANALYTICS", "analytic reports per user (1000/10m)"},
	{"STREAMFLOW_TRUSTED_PROXIES", "networks whose X-Forwarded-For and -Proto count (none)"},
	{"STREAMFLOW_PROVIDER_EMAIL", "staff account of the provider portal; DEVELOPER and ACCOUNTANT likewise"},
	{"STREAMFLOW_PROVIDER_PASSWORD", "its password; a change takes effect at the next start"},
	{"STREAMFLOW_DEVELOPER_EMAIL", "staff account of the developer portal"},
	{"STREAMFLOW_DEVELOPER_PASSWORD", "its password"},
	{"STREAMFLOW_ACCOUNTANT_EMAIL", "staff account of the accountant portal"},
	{"STREAMFLOW_ACCOUNTANT_PASSWORD", "its password"},
	{"STREAMFLOW_LOG", "debug, info, warn or error (info)"},
}

type config struct {
	addr, publicURL, data, databaseURL, natsURL, masterKey, postgresBin string
	lanes                                                               int
	noFederation                                                        bool
	rates                                                               api.Limits // without a limiter
	proxies                                                             []netip.Prefix
	roles                                                               roles
	accounts                                                            []account // of the staff
	logger                                                              *slog.Logger
}

// readConfig reads the settings; it warns about a STREAMFLOW_ name that is none, because that is a typing error.
func readConfig(environ []string, warnings io.Writer) (config, error) {
	known := map[string]bool{}
	for _, s := range settings {
		known[s.name] = true
	}
	env := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, "STREAMFLOW_") {
			continue
		}
		env[name] = value
		if !known[name] && !strings.HasPrefix(name, "STREAMFLOW_TEST_") && name != "STREAMFLOW_FAILPOINT" {
			fmt.Fprintf(warnings, "streamflow: %s is no setting\n", name)
		}
	}
	or := func(name, fallback string) string {
		if v := env[name]; v != "" {
			return v
		}
		return fallback
	}
	c := config{
		addr: or("STREAMFLOW_ADDR", "127.0.0.1:8080"), data: or("STREAMFLOW_DATA", "./data"),
		databaseURL: env["STREAMFLOW_DATABASE_URL"], natsURL: env["STREAMFLOW_NATS_URL"],
		masterKey: env["STREAMFLOW_MASTER_KEY"], postgresBin: env["STREAMFLOW_POSTGRES_BIN"],
	}
	c.publicURL = or("STREAMFLOW_PUBLIC_URL", "http://"+c.addr)
	var err error
	if c.lanes, err = strconv.Atoi(or("STREAMFLOW_LANES", "1")); err != nil || c.lanes < 1 {
		return config{}, usageError{"STREAMFLOW_LANES is a number from 1"}
	}
	if c.roles, err = readRoles(or("STREAMFLOW_ROLES", strings.Join(allRoles, ","))); err != nil {
		return config{}, usageError{"STREAMFLOW_ROLES: " + err.Error()}
	}
	if c.accounts, err = readAccounts(env); err != nil {
		return config{}, err
	}
	if c.masterKey != "" {
		if raw, err := base64.StdEncoding.DecodeString(c.masterKey); err != nil || len(raw) != 32 {
			return config{}, usageError{"STREAMFLOW_MASTER_KEY is 32 bytes in base64"}
		}
	}
	if err := c.readAccess(or); err != nil {
		return config{}, err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(or("STREAMFLOW_LOG", "info"))); err != nil {
		return config{}, usageError{"STREAMFLOW_LOG is debug, info, warn or error"}
	}
	c.logger = slog.New(slog.NewTextHandler(warnings, &slog.HandlerOptions{Level: level}))
	return c, nil
}

// readAccess reads who may ask, and how often.
func (c *config) readAccess(or func(name, fallback string) string) error {
	switch or("STREAMFLOW_FEDERATION", "on") {
	case "on":
	case "off":
		c.noFederation = true
	default:
		return usageError{"STREAMFLOW_FEDERATION is on or off"}
	}
	var err error
	if c.proxies, err = guard.ParseNetworks(or("STREAMFLOW_TRUSTED_PROXIES", "")); err != nil {
		return usageError{"STREAMFLOW_TRUSTED_PROXIES: " + err.Error()}
	}
	for _, r := range []struct {
		name, fallback string
		outage         rate.Outage
		policy         *rate.Policy
	}{
		{"auth", "20/10s", rate.Strict, &c.rates.Auth},
		{"api", "1200/1m", rate.Share, &c.rates.API},
		{"federation", "6000/1m", rate.Share, &c.rates.Federation},
		{"analytics", "1000/10m", rate.Share, &c.rates.Analytics},
	} {
		variable := "STREAMFLOW_RATE_" + strings.ToUpper(r.name)
		if *r.policy, err = rate.Parse(r.name, or(variable, r.fallback), r.outage); err != nil {
			return usageError{variable + ": " + err.Error()}
		}
	}
	return nil
}
