import{c as a,d as b,e as c,f as d}from"./chunk-CYRVTF7R.js";import"./chunk-74D457SR.js";export{a as coveredByPanel,c as more,b as sheet,d as why};
