package archtest

import (
	"fmt"
	"go/ast"
	"slices"
)

// checkSkips finds tests that skip, which is how a test looks green without having run: where a part is missing it fails.
// Another library's T may skip: rapid's rejects a generated case, and draws the next.
func checkSkips(t *tree) []string {
	var faults []string
	for _, s := range t.sources {
		var stack []ast.Node
		ast.Inspect(s.file, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			stack = append(stack, n)
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, selector.Sel.Name) {
				return true
			}
			if x, ok := selector.X.(*ast.Ident); ok && packageOf(stack, x.Name) == "testing" {
				faults = append(faults, fmt.Sprintf("%s: a test never skips: where a part is missing it fails", t.fset.Position(n.Pos())))
			}
			return true
		})
	}
	return faults
}

// packageOf says from which package the type of a parameter comes, in the innermost function around that has one of the name.
func packageOf(stack []ast.Node, name string) string {
	for _, n := range slices.Backward(stack) {
		var parameters *ast.FieldList
		switch f := n.(type) {
		case *ast.FuncDecl:
			parameters = f.Type.Params
		case *ast.FuncLit:
			parameters = f.Type.Params
		default:
			continue
		}
		for _, p := range parameters.List {
			if !slices.ContainsFunc(p.Names, func(i *ast.Ident) bool { return i.Name == name }) {
				continue
			}
			kind := p.Type
			if pointer, ok := kind.(*ast.StarExpr); ok {
				kind = pointer.X
			}
			if selector, ok := kind.(*ast.SelectorExpr); ok {
				if x, ok := selector.X.(*ast.Ident); ok {
					return x.Name
				}
			}
			return ""
		}
	}
	return ""
}
