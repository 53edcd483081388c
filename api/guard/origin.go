package guard

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/streamflow/streamflow/api/problem"
)

// RefuseCrossOrigin refuses writes that a browser sends from a page of another origin or another site, by
// Sec-Fetch-Site, or by Origin in browsers that do not send it. Requests without either come from no browser and
// pass: they carry no cookie that their sender does not hold.
//
// publicURL (may be empty) is the origin that browsers know the server by; behind a proxy that changes Host it could
// not be told otherwise.
func RefuseCrossOrigin(publicURL string) (func(http.Handler) http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	if publicURL != "" {
		u, err := url.Parse(publicURL)
		if err == nil {
			err = protection.AddTrustedOrigin(u.Scheme + "://" + u.Host)
		}
		if err != nil {
			return nil, fmt.Errorf("public URL as an origin: %w", err)
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, problem.New(problem.CrossOriginRefused, ""))
	}))
	return protection.Handler, nil
}
