package guest

import (
	"bytes"
	"regexp"

	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wasm"
	"gritstone.example/implementation/internal/wit"
)

const pageBytes = 65_536

var (
	zeroPage = make([]byte, pageBytes)
	twoDigit = regexp.MustCompile(`\A[0-9a-f]{2}\z`)
)

// image is the memory of a core: its pages that are not all zero.
type image map[int][]byte

// readImage reads the image of a core, which counts. ok is false for a defect: wasm.image.strict.
func readImage(reader grit.Reader, core grit.ID, s *state, m *wasm.Module, pages uint32) (i image, ok bool, err error) {
	_, types := m.MutableGlobals()
	if !s.hasImage || s.call && !m.Waits() || len(types) != len(s.globals) {
		return nil, false, nil
	}
	for k, t := range types {
		if t == wasm.I32 && s.globals[k] >= 1<<32 {
			return nil, false, nil
		}
	}
	initial, largest, there := m.MemorySizes(pages)
	if there && (s.pages < initial || s.pages > largest) || !there && s.pages != 0 {
		return nil, false, nil
	}
	i = image{}
	memory, err := wit.Follow(reader, core, "wasm/memory")
	if err != nil || memory == grit.None {
		return i, err == nil, err
	}
	high, ok, err := digits(reader, memory)
	if err != nil || !ok {
		return nil, false, err
	}
	for hi, id := range high {
		low, ok, err := digits(reader, id)
		if err != nil || !ok {
			return nil, false, err
		}
		for lo, id := range low {
			page, err := reader.Load(id)
			if err != nil {
				return nil, false, err
			}
			if page.Kind != grit.Blob || page.Erased || len(page.Headers) > 0 || len(page.Data) != pageBytes ||
				bytes.Equal(page.Data, zeroPage) || hi<<8|lo >= int(s.pages) {
				return nil, false, nil
			}
			i[hi<<8|lo] = page.Data
		}
	}
	return i, true, nil
}

// digits reads a tree whose names are two digits each.
func digits(reader grit.Reader, id grit.ID) (entries map[int]grit.ID, ok bool, err error) {
	tree, err := reader.Load(id)
	if err != nil || tree.Kind != grit.Tree {
		return nil, false, err
	}
	entries = map[int]grit.ID{}
	for _, entry := range tree.Entries {
		if !twoDigit.MatchString(entry.Key) {
			return nil, false, nil
		}
		entries[hexDigit(entry.Key[0])<<4|hexDigit(entry.Key[1])] = entry.ID
	}
	return entries, true, nil
}

func hexDigit(c byte) int {
	if c <= '9' {
		return int(c - '0')
	}
	return int(c-'a') + 10
}

// restore puts an image into a new instance: all memory is overwritten, wasm.image.residue.
func (i image) restore(instance *wasm.Instance, s *state) bool {
	have := uint32(len(instance.Memory()) / pageBytes)
	if !instance.Grow(s.pages - have) {
		return false
	}
	memory := instance.Memory()
	clear(memory)
	for p, data := range i {
		copy(memory[p*pageBytes:], data)
	}
	instance.SetGlobals(s.globals)
	return true
}

// writeImage makes the tree wasm/memory of an instance's memory, or None: wasm.image.zero.
func writeImage(overlay *grit.Overlay, memory []byte) (grit.ID, error) {
	const names = "0123456789abcdef"
	name := func(n int) string { return string([]byte{names[n>>4], names[n&15]}) }
	root := &grit.Object{Kind: grit.Tree}
	pages := len(memory) / pageBytes
	for hi := 0; hi<<8 < pages; hi++ {
		tree := &grit.Object{Kind: grit.Tree}
		for p := hi << 8; p < min(pages, hi<<8+256); p++ {
			data := memory[p*pageBytes : (p+1)*pageBytes]
			if bytes.Equal(data, zeroPage) {
				continue
			}
			id, err := overlay.Make(&grit.Object{Kind: grit.Blob, Data: data})
			if err != nil {
				return grit.None, err
			}
			tree.Entries = append(tree.Entries, grit.Entry{Key: name(p & 255), ID: id})
		}
		if len(tree.Entries) == 0 {
			continue
		}
		id, err := overlay.Make(tree)
		if err != nil {
			return grit.None, err
		}
		root.Entries = append(root.Entries, grit.Entry{Key: name(hi), ID: id})
	}
	if len(root.Entries) == 0 {
		return grit.None, nil
	}
	return overlay.Make(root)
}
