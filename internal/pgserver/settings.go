package pgserver

import (
	"maps"
	"slices"
)

// defaultSettings is what differs from Postgres' defaults for every server, each with its reason.
var defaultSettings = map[string]string{
	// No network port: see the package comment.
	"listen_addresses": "",
	// The folder's mode is the gate; the socket's own mode is a second one.
	"unix_socket_permissions": "0700",
	"port":                    "5432", // names the socket only; a folder of its own needs no free one
	// Our supervisor reads stderr; a collector would write files that nobody rotates.
	"logging_collector": "off",
	"log_destination":   "stderr",
	"log_line_prefix":   "",
	"lc_messages":       "C", // the supervisor tells log levels by their English names
	"log_timezone":      "UTC",
	"timezone":          "UTC",
	// Statements here are short and repeated; compiling one costs more than it saves, most of all under row security,
	// whose conditions inflate the estimate that triggers it.
	"jit": "off",
	// At the default of 1 GB a busy log is checkpointed by volume every few seconds, and each checkpoint makes the next
	// write of every page a full one.
	"max_wal_size": "4GB",
}

// unsafeSettings trade safety against a machine's crash for speed. A crash of Postgres alone loses nothing even so,
// but for the last transactions that synchronous_commit=off had not written yet.
var unsafeSettings = map[string]string{
	"fsync":              "off",
	"synchronous_commit": "off",
	"full_page_writes":   "off",
}

// arguments is the command line of the postmaster.
func (s *Server) arguments() []string {
	settings := maps.Clone(defaultSettings)
	settings["unix_socket_directories"] = s.socketDir
	if s.cfg.Unsafe {
		maps.Copy(settings, unsafeSettings)
	}
	maps.Copy(settings, s.cfg.Settings)
	args := []string{"-D", s.dataDir()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}
