// Reads objects as JSON, one a line, and prints what kstatus makes of each, one word a line: its status, or Error
// where it can not read the object.
package main

import (
	"bufio"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var object unstructured.Unstructured
		if err := json.Unmarshal(lines.Bytes(), &object.Object); err != nil {
			return err
		}
		fmt.Println(read(&object))
	}
	return lines.Err()
}

func read(object *unstructured.Unstructured) string {
	result, err := status.Compute(object)
	if err != nil {
		return "Error"
	}
	return result.Status.String()
}
