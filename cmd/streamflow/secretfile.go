package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/streamflow/streamflow/eventstore"
)

// secretFile reads a secret, or makes it: 32 random bytes in base64, readable by nobody else.
func secretFile(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err == nil {
		return string(raw), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	key := eventstore.NewMasterKey()
	text := base64.StdEncoding.EncodeToString(key[:])
	if err := keepFile(path, []byte(text)); err != nil {
		return "", fmt.Errorf("make %s: %w", path, err)
	}
	return text, nil
}

// keepFile writes a file that nobody else may read, whole or not at all. When it returns nil the file outlasts a loss of power:
// what is encrypted or made under a secret must never be there without it.
func keepFile(path string, content []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		_ = temporary.Close()
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}()
	if _, err := temporary.Write(content); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
