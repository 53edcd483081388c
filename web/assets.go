package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/streamflow/streamflow/web/theme"
	"github.com/streamflow/streamflow/web/ui"
)

//go:embed assets
var files embed.FS

// asset is a file under a name that changes with its content, so that browsers may keep it for ever.
type asset struct {
	address string
	content []byte
	packed  []byte // by gzip
	kind    string
}

// assets are all files that pages load. The style sheet is one file: a browser shows nothing before it has it, and so
// nothing in the colours of another theme.
var assets = map[string]asset{
	"app.css":  newAsset("app.css", "text/css; charset=utf-8", bytes.Join([][]byte{[]byte(theme.CSS()), ui.CSS(), file("app.css")}, nil)),
	"keys.js":  newAsset("keys.js", "text/javascript; charset=utf-8", file("keys.js")),
	"app.js":   newAsset("app.js", "text/javascript; charset=utf-8", bytes.Join([][]byte{file("app.js"), file("refresh.js"), file("follow.js"), file("board.js")}, nil)),
	"icon.svg": newAsset("icon.svg", "image/svg+xml", theme.Icon()),
}

// file panics where one is missing: the program was built without a part of itself.
func file(name string) []byte {
	content, err := fs.ReadFile(files, "assets/"+name)
	if err != nil {
		panic(err)
	}
	return content
}

func newAsset(name, kind string, content []byte) asset {
	sum := sha256.Sum256(content)
	ending := path.Ext(name)
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // fails for an unknown level alone
	_, _ = z.Write(content)                                    // into memory, which does not fail
	_ = z.Close()
	return asset{address: "/assets/" + strings.TrimSuffix(name, ending) + "." + hex.EncodeToString(sum[:6]) + ending,
		content: content, packed: packed.Bytes(), kind: kind}
}

func assetURL(name string) string { return assets[name].address }

func (s *server) asset(w http.ResponseWriter, r *http.Request) {
	wanted := "/assets/" + chi.URLParam(r, "file")
	for _, a := range assets {
		if a.address != wanted {
			continue
		}
		w.Header().Set("Content-Type", a.kind)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Add("Vary", "Accept-Encoding")
		content := a.content
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			content = a.packed
		}
		_, _ = w.Write(content) // the browser may have gone
		return
	}
	s.missing(w, r)
}
