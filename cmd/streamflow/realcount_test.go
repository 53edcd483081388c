package main

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

// What the real files say, counted from their text with nothing but integers: it shares no line with what is tested.

// leadCount is what a file of leads adds up to.
type leadCount struct{ rows, wrong, converted int64 }

// bill is an invoice, with its days as numbers of days since 1970-01-01.
type bill struct {
	issued, due, settled int64
	cents                int64
	disputed             bool
}

// billCount is what bills add up to on a day.
type billCount struct{ issued, paid, owed, overdue, overdueCents, settled, daysToPay int64 }

func countOn(bills []bill, day int64) billCount {
	var c billCount
	for _, b := range bills {
		if b.issued > day {
			continue
		}
		c.issued++
		if b.settled <= day {
			c.paid += b.cents
			c.settled++
			c.daysToPay += b.settled - b.issued
			continue
		}
		c.owed += b.cents
		if b.due < day {
			c.overdue++
			c.overdueCents += b.cents
		}
	}
	return c
}

// table reads a packed CSV file: the place of each column, and the rows.
func table(t *testing.T, path string) (columns map[string]int, rows [][]string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatalf("a real file is missing: %v", err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(unpacked)
	r.FieldsPerRecord = -1
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return columns, rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if columns == nil {
			columns = map[string]int{}
			for i, name := range cells {
				columns[name] = i
			}
			continue
		}
		rows = append(rows, cells)
	}
}

func countLeads(t *testing.T, path string) leadCount {
	t.Helper()
	columns, rows := table(t, path)
	var c leadCount
	seen := map[string]bool{}
	for _, cells := range rows {
		if len(cells) != len(columns) {
			c.wrong++
			continue
		}
		id, converted := cells[columns["Prospect ID"]], cells[columns["Converted"]]
		if seen[id] || converted != "0" && converted != "1" {
			c.wrong++
			continue
		}
		seen[id] = true
		c.rows++
		if converted == "1" {
			c.converted++
		}
	}
	return c
}

func readBills(t *testing.T, path string) (bills []bill, wrong int64) {
	t.Helper()
	columns, rows := table(t, path)
	for _, cells := range rows {
		if len(cells) != len(columns) {
			wrong++
			continue
		}
		issued, ok1 := dayNumber(cells[columns["InvoiceDate"]])
		due, ok2 := dayNumber(cells[columns["DueDate"]])
		settled, ok3 := dayNumber(cells[columns["SettledDate"]])
		cents, ok4 := centsOf(cells[columns["InvoiceAmount"]])
		if !ok1 || !ok2 || !ok3 || !ok4 {
			wrong++
			continue
		}
		bills = append(bills, bill{issued, due, settled, cents, cells[columns["Disputed"]] == "Yes"})
	}
	return bills, wrong
}

// dayNumber reads month/day/year.
func dayNumber(text string) (int64, bool) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return 0, false
	}
	var n [3]int64
	for i, p := range parts {
		v, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return 0, false
		}
		n[i] = v
	}
	return dayOf(n[2], n[0], n[1])
}

func isLeap(year int64) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// dayOf counts days since 1970-01-01; years before are none of these files'.
func dayOf(year, month, day int64) (int64, bool) {
	lengths := []int64{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	if isLeap(year) {
		lengths[1] = 29
	}
	if year < 1970 || month < 1 || month > 12 || day < 1 || day > lengths[month-1] {
		return 0, false
	}
	n := day - 1
	for y := int64(1970); y < year; y++ {
		n += 365
		if isLeap(y) {
			n++
		}
	}
	for _, length := range lengths[:month-1] {
		n += length
	}
	return n, true
}

// centsOf reads an amount with at most two decimals.
func centsOf(text string) (int64, bool) {
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+part+strings.Repeat("0", 2-len(part)), 10, 63)
	return int64(n), err == nil
}
