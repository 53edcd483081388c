package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAccessSettings(t *testing.T) {
	t.Parallel()
	c, err := readConfig(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for want, got := range map[string]string{"20/10s": c.rates.Auth.String(), "1200/1m0s": c.rates.API.String(), "6000/1m0s": c.rates.Federation.String(), "1000/10m0s": c.rates.Analytics.String()} {
		if got != want {
			t.Errorf("a rate is %s without being set, want %s", got, want)
		}
	}
	if c.noFederation || len(c.proxies) != 0 {
		t.Errorf("no federation %v, proxies %v", c.noFederation, c.proxies)
	}
	c, err = readConfig([]string{"STREAMFLOW_RATE_API=7/1h", "STREAMFLOW_RATE_AUTH=off", "STREAMFLOW_FEDERATION=off",
		"STREAMFLOW_TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.1"}, io.Discard)
	if err != nil || c.rates.API.Limit != 7 || c.rates.API.Name != "api" || !c.rates.Auth.Off() || !c.noFederation || len(c.proxies) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, line := range []string{"STREAMFLOW_RATE_API=many", "STREAMFLOW_RATE_AUTH=0/1s", "STREAMFLOW_RATE_FEDERATION=5/1ms", "STREAMFLOW_RATE_ANALYTICS=5",
		"STREAMFLOW_FEDERATION=maybe", "STREAMFLOW_TRUSTED_PROXIES=localhost"} {
		_, err := readConfig([]string{line}, io.Discard)
		name, _, _ := strings.Cut(line, "=")
		if wrong, ok := errors.AsType[usageError](err); !ok || !strings.HasPrefix(wrong.text, name) {
			t.Errorf("%s: %v, want a usage error that names it", line, err)
		}
	}
}
