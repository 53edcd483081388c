package seal

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// readSeals is how many seals are read at a time: with the most leaf hashes that one has, 8 MiB.
const readSeals = 64

// errFenced: another sealer has extended the chain, or the lane's epoch rose.
var errFenced = errors.New("another sealer is at work")

// Store reads the seals of an installation. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	key  Key
}

// NewStore takes connections in the engine role.
func NewStore(pool *pgxpool.Pool, key Key) *Store { return &Store{pool, key} }

// Key is what the seals are signed with.
func (s *Store) Key() Key { return s.key }

const sealColumns = `lane, epoch, size, previous, root, note, hashes, leaves, sealed_at`

// Newest is the lane's newest seal, or the zero Seal when there is none. It is not checked.
func (s *Store) Newest(ctx context.Context, lane int) (Seal, error) {
	found, err := s.query(ctx, `select `+sealColumns+` from log.seal where lane = $1 order by size desc limit 1`, lane)
	if err != nil || len(found) == 0 {
		return Seal{}, err
	}
	return found[0], nil
}

// Covering gives the seals of positions 1..until of a lane, in order, and stops at the first error. They are not checked.
func (s *Store) Covering(ctx context.Context, lane int, until int64) iter.Seq2[Seal, error] {
	return func(yield func(Seal, error) bool) {
		for after := int64(0); ; {
			page, err := s.query(ctx, `select `+sealColumns+` from log.seal where lane = $1 and size > $2 and previous < $3 order by size limit $4`,
				lane, after, until, readSeals)
			if err != nil {
				yield(Seal{}, err)
				return
			}
			for _, one := range page {
				if !yield(one, nil) {
					return
				}
				after = one.Size
			}
			if len(page) < readSeals {
				return
			}
		}
	}
}

func (s *Store) query(ctx context.Context, sql string, args ...any) ([]Seal, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read seals: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Seal])
	if err != nil {
		return nil, fmt.Errorf("read seals: %w", err)
	}
	return found, nil
}

// executor is a pool or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// insert adds a seal to the chain, or says errFenced. The unique key of (lane, previous) makes the second of two that race wait for the first
// and then yield; lane rows are only read, so no append waits.
func insert(ctx context.Context, x executor, one Seal) error {
	tag, err := x.Exec(ctx, `insert into log.seal (`+sealColumns+`)
		select $1, $2, $3, $4::bigint, $5, $6, $7, $8, clock_timestamp()
		where ($4 = 0 or exists (select from log.seal where lane = $1 and size = $4))
			and exists (select from log.lane where lane = $1 and epoch = $2 and head >= $3)
		on conflict do nothing`, one.Lane, one.Epoch, one.Size, one.Previous, one.Root, one.Note, one.Hashes, one.Leaves)
	if err != nil {
		return fmt.Errorf("store seal %d/%d: %w", one.Lane, one.Size, err)
	}
	if tag.RowsAffected() == 0 {
		return errFenced
	}
	return nil
}
