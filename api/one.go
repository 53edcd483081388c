package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/projections"
)

// found is a record, and whose it is where its reader did not say so: staff that reads across tenants.
type found[S any] struct {
	TenantID uuid.UUID          `json:"tenantId,omitzero" doc:"Whose record it is, where staff did not name the tenant"`
	Record   commands.Record[S] `json:",embed"`
}

// record is the route of one record as of the moment asked.
func record[S any](s *server, kind string, read func(context.Context, uuid.UUID, string, int64) (commands.Record[S], error)) frame {
	return s.readingOne(kind, func(w http.ResponseWriter, q request, m moment) error {
		until := m.position(s.Commands.Log.LaneOf(q.tenant))
		if until == 0 {
			return commands.ErrNotFound // before the first event there was nothing
		}
		record, err := read(q.Context(), q.tenant, q.id, until)
		if err != nil {
			return err
		}
		w.Header().Set("ETag", etag(record.Version))
		if q.looked {
			s.write(w, q.Request, http.StatusOK, found[S]{q.tenant, record})
			return nil
		}
		s.write(w, q.Request, http.StatusOK, record)
		return nil
	})
}

// readingOne is the frame of what is read of one record. Where staff names no tenant, the record is looked for in all of them.
func (s *server) readingOne(kind string, run func(http.ResponseWriter, request, moment) error) frame {
	f := s.reading(readers, func(w http.ResponseWriter, q request, m moment) (err error) {
		if q.tenant == uuid.Nil {
			if q.tenant, err = s.tenantOf(q, m, kind); err != nil {
				return err
			}
			q.looked = true
		}
		return run(w, q, m)
	})
	f.codes = readModelCodes
	return f
}

// tenantOf is whose the record is that the address names. A read model can lack only what is newer than itself, so it is waited for only
// where it knows of no such record.
func (s *server) tenantOf(q request, m moment, kind string) (uuid.UUID, error) {
	for _, query := range []projection.Query{{}, {After: m.cursor, Wait: waitOf(q.Header)}} {
		if tenant, err := projections.TenantOf(q.Context(), s.Reader, query, kind, q.id); err != nil || tenant != uuid.Nil {
			return tenant, err
		}
	}
	return uuid.Nil, commands.ErrNotFound
}
