package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"
)

//go:embed assets
var files embed.FS

// asset is a file under a name that changes with its content, so that browsers may keep it for ever.
type asset struct {
	address string
	content []byte
	kind    string
}

var assets = loadAssets(map[string]string{
	"app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
})

// loadAssets panics where one is missing: the program was built without a part of itself.
func loadAssets(kinds map[string]string) map[string]asset {
	out := make(map[string]asset, len(kinds))
	for name, kind := range kinds {
		content, err := fs.ReadFile(files, "assets/"+name)
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		ending := path.Ext(name)
		address := "/assets/" + strings.TrimSuffix(name, ending) + "." + hex.EncodeToString(sum[:6]) + ending
		out[name] = asset{address: address, content: content, kind: kind}
	}
	return out
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
		_, _ = w.Write(a.content) // the browser may have gone
		return
	}
	s.missing(w, r)
}
