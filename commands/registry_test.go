package commands_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/eventstore"
)

var sampleFile = regexp.MustCompile(`^(.+)\.v([0-9]+)\.json$`)

// Every version of every event that was ever written is read.
func TestEveryVersionOfAnEventIsRead(t *testing.T) {
	registry, err := commands.Registry()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../domain/*/testdata/events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		name := sampleFile.FindStringSubmatch(filepath.Base(file))
		if name == nil {
			t.Errorf("%s is no sample of a version", file)
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		version, _ := strconv.Atoi(name[2])
		fact, err := registry.Decode(eventstore.Event{Type: name[1], SchemaVersion: version, Data: data})
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if old := (tenant.SettingsChanged{SettingsBefore: tenant.Settings{Theme: "some theme"}, Settings: tenant.Settings{Theme: "some theme"}}); name[1] == old.Type() && version == 1 && fact != old {
			t.Errorf("%s: %s", file, fmt.Sprintf("%+v", fact))
		}
	}
}
